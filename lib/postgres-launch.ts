import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readPostmasterFile, stopClusterProcesses } from "./cluster-processes.ts";
import type { Account } from "./postgres-account.ts";

const startupMs = 120_000;

/** Starts the main process. The result comes once it takes connections, or is undefined when it ended before. */
export async function launchPostgres(
  program: string,
  clusterDir: string,
  port: number,
  logFile: string,
  account: Account,
): Promise<{ ended: Promise<void> } | undefined> {
  const log = openSync(logFile, "a");
  const args = [
    "-D",
    clusterDir,
    "-p",
    String(port),
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "unix_socket_directories=",
  ];
  const child = spawn(program, args, {
    ...account,
    cwd: clusterDir,
    detached: true,
    stdio: ["ignore", log, log],
    env: { LC_ALL: "C" },
  });
  closeSync(log);
  const ended = once(child, "exit").then(
    () => undefined,
    (error: Error) => appendFileSync(logFile, `${error.message}\n`),
  );
  child.unref();
  let isEnded = false;
  void ended.then(() => (isEnded = true));
  const until = Date.now() + startupMs;
  while (!isEnded && Date.now() < until) {
    const file = readPostmasterFile(clusterDir);
    if (file?.pid === child.pid && file?.isReady) return { ended };
    await sleep(20);
  }
  if (!isEnded) await stopClusterProcesses(clusterDir, 5_000);
  return undefined;
}

/** A port that nobody listens on; the one used last time where that is still so, which suits saved connections. */
export async function freePort(wanted: number): Promise<number> {
  const server = createServer();
  const listening = new Promise<number>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: wanted, host: "127.0.0.1", exclusive: true }, () => {
      resolve((server.address() as { port: number }).port);
    });
  });
  try {
    return await listening;
  } catch (error) {
    if (wanted === 0) throw error;
    return await freePort(0);
  } finally {
    server.close();
  }
}

/** The port a cluster was started on last; 0 when it never was. */
export function lastPort(clusterDir: string): number {
  const options = join(clusterDir, "postmaster.opts");
  return existsSync(options) ? Number(/"-p" "(\d+)"/.exec(readFileSync(options, "utf8"))?.[1] ?? 0) : 0;
}
