import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { SetupError } from "./errors.ts";
import { canReach, type Account } from "./postgres-account.ts";
import { sharedDir } from "./postgres-binaries.ts";

const passwordFile = "rowhouse.password";
const settingsFile = "rowhouse.conf";

/** Tuning of an embedded cluster. */
export interface ClusterSettings {
  readonly sharedBuffers: string;
  /** Off is for throw-away clusters only: a crash of the machine would lose data. */
  readonly fsync: boolean;
}

/**
 * The real folder of the cluster that belongs to a data folder, made when missing. It is `<data folder>/postgres`;
 * where the account cannot enter the data folder (say, below /root) that is a link to a folder in /var/lib/rowhouse.
 */
export function placeCluster(dataDir: string, account: Account): string {
  const place = join(dataDir, "postgres");
  const entry = lstatSync(place, { throwIfNoEntry: false });
  if (entry?.isSymbolicLink() && !existsSync(place)) {
    throw new SetupError(
      `${place} is a link to a folder that is gone: the embedded database was moved or deleted. ` +
        "Put that folder back, or delete the link to start with an empty database.",
    );
  }
  if (!entry) {
    if (canReach(account, dataDir)) mkdirSync(place, { mode: 0o700 });
    else {
      mkdirSync(sharedDir, { recursive: true, mode: 0o755 });
      symlinkSync(mkdtempSync(join(sharedDir, "data-")), place);
    }
  }
  const folder = realpathSync(place);
  if (readdirSync(folder).length === 0 && account) chownSync(folder, account.uid, account.gid);
  if (canReach(account, dirname(folder))) return folder;
  throw new SetupError(
    `The embedded database in ${folder} cannot be reached by the account that owns it (uid ${account?.uid}). ` +
      "Give the folders above it the permission x for others, or set ROWHOUSE_DATA_DIR or DATABASE_URL.",
  );
}

/** Whether a folder holds a complete cluster. */
export function isInitialized(clusterDir: string): boolean {
  return existsSync(join(clusterDir, passwordFile));
}

/**
 * Makes a new cluster. It counts as complete once its password file stands, so an interrupted run is begun anew; a
 * folder that holds anything else is left alone.
 */
export function initializeCluster(binDir: string, clusterDir: string, account: Account): void {
  const draft = join(clusterDir, "new");
  const draftPassword = join(clusterDir, "new.password");
  refuseForeignFiles(clusterDir, draftPassword);
  const password = randomBytes(24).toString("base64url");
  writeOwned(draftPassword, `${password}\n`, account);
  for (const name of readdirSync(clusterDir)) {
    if (join(clusterDir, name) !== draftPassword) rmSync(join(clusterDir, name), { recursive: true });
  }
  const args = ["--username=postgres", "--auth=scram-sha-256", `--pwfile=${draftPassword}`, "--encoding=UTF8"];
  const locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const done = spawnSync(join(binDir, "initdb"), [...args, ...locale, "--no-instructions", `--pgdata=${draft}`], {
    ...account,
    cwd: clusterDir,
    encoding: "utf8",
    env: { LC_ALL: "C" },
  });
  if (done.status !== 0) {
    const reason = (done.error?.message ?? done.stderr).trim();
    throw new SetupError(`The embedded PostgreSQL could not make its database in ${clusterDir}:\n${reason}`);
  }
  appendFileSync(join(draft, "postgresql.conf"), `\ninclude_if_exists '${settingsFile}'\n`);
  for (const name of readdirSync(draft)) renameSync(join(draft, name), join(clusterDir, name));
  writeOwned(join(clusterDir, passwordFile), password, account);
  rmSync(draft, { recursive: true });
  rmSync(draftPassword);
}

function refuseForeignFiles(clusterDir: string, draftPassword: string): void {
  if (readdirSync(clusterDir).length === 0 || existsSync(draftPassword)) return;
  throw new SetupError(
    existsSync(join(clusterDir, "PG_VERSION"))
      ? `${clusterDir} holds a database, but its file ${passwordFile} is gone. Put it back from a backup, or move the folder away.`
      : `${clusterDir} holds files that are not of Rowhouse. Move them away, or set ROWHOUSE_DATA_DIR to another folder.`,
  );
}

/** The password of the cluster's administrator `postgres`. */
export function clusterPassword(clusterDir: string): string {
  return readFileSync(join(clusterDir, passwordFile), "utf8").trim();
}

/** The major version a cluster was made with. */
export function clusterVersion(clusterDir: string): string {
  return readFileSync(join(clusterDir, "PG_VERSION"), "utf8").trim();
}

/** Writes our tuning next to the cluster's own configuration; `alter system` overrules it. */
export function writeSettings(clusterDir: string, settings: ClusterSettings, account: Account): void {
  const durability = settings.fsync ? [] : ["fsync = off", "full_page_writes = off", "synchronous_commit = off"];
  const lines = [
    "# Written by Rowhouse at every start. Change settings with: alter system set ...",
    `shared_buffers = ${settings.sharedBuffers}`,
    "max_connections = 200",
    "max_wal_size = 4GB",
    "checkpoint_timeout = 15min",
    "wal_compression = on",
    "random_page_cost = 1.1",
    "work_mem = 16MB",
    "maintenance_work_mem = 128MB",
    "jit = off",
    "timezone = 'UTC'",
    "log_timezone = 'UTC'",
    `dynamic_shared_memory_type = ${sharedMemoryType()}`,
    ...durability,
  ];
  writeOwned(join(clusterDir, settingsFile), `${lines.join("\n")}\n`, account);
}

/** Containers often give /dev/shm 64 MB, too little for parallel queries; System V memory has no such limit. */
function sharedMemoryType(): string {
  if (process.platform !== "linux") return "posix";
  if (!existsSync("/dev/shm")) return "sysv";
  const { blocks, bsize } = statfsSync("/dev/shm");
  return blocks * bsize < 512 * 1024 * 1024 ? "sysv" : "posix";
}

/** Writes a whole file that only the account may read. */
function writeOwned(file: string, content: string, account: Account): void {
  const draft = `${file}.draft`;
  writeFileSync(draft, content, { mode: 0o600 });
  if (account) chownSync(draft, account.uid, account.gid);
  renameSync(draft, file);
}
