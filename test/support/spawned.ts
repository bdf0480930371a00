import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";

/** A program that a test started, and what it has written so far. */
export interface Spawned {
  readonly child: ChildProcess;
  output(): string;
  /** Waits for text in the output; throws with all of it when the program ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal and waits for the end. Returns the exit code, or the signal's name. */
  end(signal?: NodeJS.Signals): Promise<number | string | null>;
}

/** Starts a program whose output is collected. */
export function spawned(program: string, args: readonly string[], options: SpawnOptions = {}): Spawned {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  const closed = once(child, "close");
  closed.catch(() => undefined);
  child.stdout!.on("data", (chunk) => (text += String(chunk)));
  child.stderr!.on("data", (chunk) => (text += String(chunk)));
  const until = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(text);
        if (match) resolve(match);
      };
      child.stdout!.on("data", look);
      child.stderr!.on("data", look);
      closed.then(
        () => (look(), reject(new Error(`The program ended before it wrote ${pattern}:\n${text}`))),
        (error: Error) => reject(error),
      );
      look();
    });
  const end = async (signal?: NodeJS.Signals) => {
    if (signal && child.exitCode === null && child.signalCode === null) child.kill(signal);
    await closed;
    return child.exitCode ?? child.signalCode;
  };
  return { child, output: () => text, until, end };
}
