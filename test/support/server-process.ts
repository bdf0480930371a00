import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TestDatabase } from "./database.ts";
import { noRates } from "./no-rates.ts";
import { testSecret } from "./test-urls.ts";

/** The real server or worker in a process of its own. */
export interface MainProcess {
  readonly child: ChildProcess;
  /** Where the server is reached; empty for a worker. */
  readonly origin: string;
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>;
}

/** Starts server/main.ts or worker/main.ts on a test's database, and waits until it serves. */
export async function startMainProcess(
  name: "server" | "worker",
  database: TestDatabase,
  settings: Record<string, string> = {},
): Promise<MainProcess> {
  const child = fork(fileURLToPath(new URL(`../../${name}/main.ts`, import.meta.url)), {
    env: {
      PATH: process.env["PATH"],
      NODE_ENV: "test",
      PORT: "0",
      ROWHOUSE_SECRET: testSecret,
      ROWHOUSE_LOG_LEVEL: "error",
      ROWHOUSE_SERVER_DATABASE_URL: database.serverUrl,
      ROWHOUSE_WORKER_DATABASE_URL: database.workerUrl,
      ...noRates,
      ...settings,
    },
    execArgv: [],
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const [{ port }] = (await Promise.race([
    once(child, "message"),
    exited.then(([code]) => Promise.reject(new Error(`The ${name} ended with ${code} before it was ready.`))),
  ])) as [{ port?: number }];
  return {
    child,
    origin: port === undefined ? "" : `http://127.0.0.1:${port}`,
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    },
  };
}

/** The memory that a process holds, in MiB; undefined where the system does not tell. */
export function memoryOf(child: ChildProcess): number | undefined {
  const file = `/proc/${child.pid}/status`;
  const line = existsSync(file) ? /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(file, "utf8")) : null;
  return line ? Number(line[1]) / 1024 : undefined;
}
