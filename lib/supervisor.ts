import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Environment } from "./config.ts";
import { SetupError } from "./errors.ts";
import type { Log } from "./log.ts";

/** What a supervised process sends once it serves. */
export interface ReadyMessage {
  readonly type: "ready";
  /** The port the server listens on. */
  readonly port?: number;
}

/** A process that is started again when it ends unasked. */
export interface Supervised {
  /** The first message that the process is ready; rejects when it ends before that. */
  readonly ready: Promise<ReadyMessage>;
  /** The id of the running process, if one runs. */
  readonly pid: number | undefined;
  /** Asks the process to drain and waits for its end; forces it after `patienceMs`. */
  stop(patienceMs?: number): Promise<void>;
}

/** What to run and how. Times are in milliseconds. */
export interface SuperviseOptions {
  readonly name: string;
  readonly script: string;
  readonly env: Environment;
  readonly log: Log;
  /** The pause before the first restart; it doubles with each further one, up to `backoffMaxMs`. */
  readonly backoffMs?: number;
  readonly backoffMaxMs?: number;
  /** A process that lived this long starts again at the first pause. */
  readonly settledMs?: number;
}

/**
 * Runs a script of ours as a child process with IPC, in a process group of its own: Ctrl-C in a terminal reaches us
 * alone, and we stop our children in order. When we are killed the child sees its IPC channel close, and drains.
 */
export function supervise(options: SuperviseOptions): Supervised {
  const { name, log, backoffMs = 500, backoffMaxMs = 30_000, settledMs = 60_000 } = options;
  const stopping = new AbortController();
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();

  const launch = (onReady: (message: ReadyMessage) => void) => {
    const started = fork(options.script, {
      env: { ...options.env },
      detached: true,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    started.on("error", (error) => log.error({ err: error, process: name }, "could not be started"));
    started.on("message", (message: ReadyMessage) => message.type === "ready" && onReady(message));
    child = started;
    ended = Promise.race([once(started, "exit"), once(started, "error")]).catch(() => undefined);
    return started;
  };

  const keepRunning = async () => {
    let pause = backoffMs;
    for (;;) {
      const since = Date.now();
      await ended;
      if (stopping.signal.aborted) return;
      if (Date.now() - since > settledMs) pause = backoffMs;
      const { exitCode, signalCode } = child ?? {};
      log.error(
        { process: name, exitCode, signal: signalCode, restartInMs: pause },
        "a process ended; starting it again",
      );
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      pause = Math.min(pause * 2, backoffMaxMs);
      launch((message) => log.info({ process: name, ...message }, "running again"));
    }
  };

  const ready = new Promise<ReadyMessage>((resolve, reject) => {
    launch((message) => {
      resolve(message);
      void keepRunning();
    });
    void ended.then(() =>
      reject(new SetupError(`The ${name} ended before it was ready; its last log lines above say why.`)),
    );
  });
  ready.catch(() => undefined);

  const stop = async (patienceMs = 25_000) => {
    stopping.abort();
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const force = setTimeout(() => {
      log.error({ process: name, patienceMs }, "did not end in time; killing it");
      child?.kill("SIGKILL");
    }, patienceMs);
    await ended;
    clearTimeout(force);
  };

  return {
    ready,
    stop,
    get pid() {
      return child?.exitCode === null ? child.pid : undefined;
    },
  };
}
