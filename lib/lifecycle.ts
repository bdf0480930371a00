import type { Log } from "./log.ts";

/** Closes what a process holds, in the reverse of the order it was opened in. */
export interface Lifecycle {
  /** Registers something to close; what is registered last is closed first. */
  onClose(name: string, close: () => unknown): void;
  /** Closes everything once, then ends the process; further calls wait for the first. */
  shutDown(reason: string, exitCode?: number): Promise<never>;
  /** Becomes aborted as soon as the shutdown begins. */
  readonly signal: AbortSignal;
}

/** How a lifecycle ends. Times are in milliseconds. */
export interface LifecycleOptions {
  readonly log: Log;
  /** After this long the process ends with exit code 1, whatever is still open. */
  readonly deadlineMs?: number;
  /** After a second signal, how much longer to wait. */
  readonly hurryMs?: number;
  /** Ends the process; the tests replace it. */
  readonly exit?: (code: number) => never;
}

const echoMs = 1_000;

/**
 * Drains the process on SIGTERM, SIGINT, and when a parent that started it with IPC is gone. A second signal shortens
 * the deadline; a closer that fails is logged, makes the exit code 1, and does not stop the others.
 */
export function createLifecycle({
  log,
  deadlineMs = 30_000,
  hurryMs = 3_000,
  exit = process.exit,
}: LifecycleOptions): Lifecycle {
  const closers: { name: string; close: () => unknown }[] = [];
  const aborter = new AbortController();
  let closing: Promise<never> | undefined;
  let current = "";

  const giveUp = (afterMs: number) =>
    setTimeout(() => {
      log.fatal({ waitingFor: current, afterMs }, "shutdown took too long; ending at once");
      exit(1);
    }, afterMs).unref();

  const closeAll = async (reason: string, exitCode: number): Promise<never> => {
    log.info({ reason }, "shutting down");
    aborter.abort();
    const deadline = giveUp(deadlineMs);
    let code = exitCode;
    for (let next = closers.pop(); next; next = closers.pop()) {
      current = next.name;
      try {
        await next.close();
      } catch (error) {
        log.error({ err: error, closing: current }, "could not close cleanly");
        code ||= 1;
      }
    }
    clearTimeout(deadline);
    log.info({ reason, exitCode: code }, "shut down");
    return exit(code);
  };

  const shutDown = (reason: string, exitCode = 0) => (closing ??= closeAll(reason, exitCode));
  let firstSignalAt = 0;
  const onSignal = (name: string) => {
    if (closing === undefined) {
      firstSignalAt = Date.now();
      return void shutDown(name);
    }
    // Ctrl-C below npm arrives twice: from the terminal and handed on by npm.
    if (Date.now() - firstSignalAt < echoMs) return;
    log.warn({ signal: name, hurryMs, waitingFor: current }, "asked to stop again; hurrying");
    giveUp(hurryMs);
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  if (process.connected) process.on("disconnect", () => void shutDown("the parent process is gone"));

  return { onClose: (name, close) => closers.push({ name, close }), shutDown, signal: aborter.signal };
}
