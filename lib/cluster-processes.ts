import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What the file postmaster.pid says about a running cluster. */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number;
  readonly isReady: boolean;
}

/** Reads postmaster.pid; undefined when there is none or it is not complete yet. */
export function readPostmasterFile(clusterDir: string): PostmasterFile | undefined {
  const file = join(clusterDir, "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const lines = readFileSync(file, "utf8").split("\n");
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port, isReady: lines[7]?.trim() === "ready" };
}

/** Whether a process of that id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * The ids of PostgreSQL's processes for a cluster, its main process first. Each works in the cluster's folder, which
 * tells it from a stranger that got the same id after a restart; where we may not see that (a container without the
 * right to trace), the main process is known by its arguments.
 */
export function clusterProcesses(clusterDir: string): number[] {
  if (!existsSync(clusterDir)) return [];
  const main = readPostmasterFile(clusterDir)?.pid;
  if (!existsSync("/proc/self/cwd")) return main !== undefined && isPostgres(main) ? [main] : [];
  const folder = realpathSync(clusterDir);
  const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && worksIn(name, folder));
  return found.map(Number).sort((a, b) => Number(b === main) - Number(a === main));
}

/**
 * Stops what runs on a cluster: its main process by a fast shutdown, which ends sessions and writes everything down;
 * leftovers, and a main process that takes longer than `patienceMs`, by force. The next start recovers either way.
 */
export async function stopClusterProcesses(clusterDir: string, patienceMs = 60_000): Promise<void> {
  const main = readPostmasterFile(clusterDir)?.pid;
  for (const [signal, waitMs] of [
    ["SIGINT", patienceMs],
    ["SIGQUIT", 5_000],
    ["SIGKILL", 5_000],
  ] as const) {
    const running = clusterProcesses(clusterDir);
    const targets = running[0] === main && signal !== "SIGKILL" ? running.slice(0, 1) : running;
    for (const pid of targets) send(pid, signal);
    if (await allGone(clusterDir, waitMs)) break;
  }
  removeStrangersFile(clusterDir);
}

/**
 * After a restart of the machine or container, the id in a left-over postmaster.pid may be another program's, and
 * PostgreSQL would refuse to start. Ids of nobody are PostgreSQL's own business: it knows how to check for leftovers.
 */
function removeStrangersFile(clusterDir: string): void {
  const main = readPostmasterFile(clusterDir)?.pid;
  if (main !== undefined && isAlive(main) && !clusterProcesses(clusterDir).includes(main)) {
    rmSync(join(clusterDir, "postmaster.pid"), { force: true });
  }
}

async function allGone(clusterDir: string, waitMs: number): Promise<boolean> {
  const until = Date.now() + waitMs;
  let running = clusterProcesses(clusterDir);
  while (running.length > 0 && Date.now() < until) {
    await sleep(25);
    running = running.filter(isAlive);
    if (running.length === 0) running = clusterProcesses(clusterDir);
  }
  return running.length === 0;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function worksIn(pid: string, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === folder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") return false;
  }
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return args[1] === "-D" && args[2] === folder;
  } catch {
    return false;
  }
}

function isPostgres(pid: number): boolean {
  return spawnSync("ps", ["-p", String(pid), "-o", "comm="], { encoding: "utf8" }).stdout.includes("postgres");
}
