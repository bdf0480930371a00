import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { SetupError } from "./errors.ts";

/** The account PostgreSQL runs as; undefined is the account of this process. */
export type Account = { readonly uid: number; readonly gid: number } | undefined;

const accountNames = ["postgres", "nobody"];

/**
 * The account for a cluster in `clusterDir`. PostgreSQL refuses to run as root, so root hands it to the owner of an
 * existing cluster, or else to `postgres` or `nobody`. Nothing is added to the system.
 */
export function chooseAccount(clusterDir: string): Account {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(clusterDir, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of accountNames) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(":");
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new SetupError(
    "PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody` to run it as. " +
      "Start Rowhouse as a normal user, or set DATABASE_URL.",
  );
}

/** Whether an account may pass through every folder up to `path` and read what is there. Asks the kernel, as that account. */
export function canReach(account: Account, path: string): boolean {
  if (account === undefined) return true;
  const asked = spawnSync("/bin/sh", ["-c", 'test -r "$1" && { test ! -d "$1" || test -x "$1"; }', "sh", path], {
    ...account,
    cwd: "/",
    stdio: "ignore",
  });
  return asked.status === 0;
}
