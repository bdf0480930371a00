import { existsSync, mkdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { clusterProcesses, readPostmasterFile, stopClusterProcesses } from "./cluster-processes.ts";
import type { Config } from "./config.ts";
import { SetupError } from "./errors.ts";
import { takeFolderLock, type FolderLock } from "./folder-lock.ts";
import { chooseAccount } from "./postgres-account.ts";
import { findBinaries } from "./postgres-binaries.ts";
import * as cluster from "./postgres-cluster.ts";
import { freePort, lastPort, launchPostgres } from "./postgres-launch.ts";

/** A PostgreSQL that this process started. */
export interface EmbeddedPostgres {
  /** Connection URL of its administrator; the database is `rowhouse`, which may not exist yet. */
  readonly adminUrl: string;
  /** Resolves when PostgreSQL ends, whether it was asked to or not. */
  readonly ended: Promise<void>;
  /** Whether a previous run was killed and something had to be stopped or recovered. */
  readonly recovered: boolean;
  /** Ends every session, writes everything down, and waits until the last process is gone. Safe to call twice. */
  stop(): Promise<void>;
}

/** Where and how to start. */
export interface EmbeddedOptions extends cluster.ClusterSettings {
  readonly dataDir: string;
}

const database = "rowhouse";
const logBytesMax = 10_000_000;

/** The file whose lock the owner of a data folder holds. */
export function lockFile(dataDir: string): string {
  return join(dataDir, "postgres.lock");
}

/** The options that the settings ask for. */
export function embeddedOptions(config: Config): EmbeddedOptions {
  return { dataDir: config.dataDir, sharedBuffers: config.embeddedSharedBuffers, fsync: true };
}

/**
 * Starts PostgreSQL 18 on `<data folder>/postgres`, made on first use, listening on a port of 127.0.0.1 with a
 * password. Only one process may own a data folder: a second start throws a SetupError. What a killed run left
 * running is stopped first. PostgreSQL is in a process group of its own, so Ctrl-C does not reach it before us.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  makeDataDir(options.dataDir);
  const lock = takeFolderLock(lockFile(options.dataDir));
  if (!lock) {
    throw new SetupError(
      `Rowhouse is already running on the data folder ${options.dataDir}. ` +
        "Stop it first, or set ROWHOUSE_DATA_DIR to another folder.",
    );
  }
  try {
    return await startLocked(options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The administrator's URL of the PostgreSQL that another process started on this data folder; undefined when none runs. */
export function findEmbeddedPostgres(dataDir: string): string | undefined {
  const place = join(dataDir, "postgres");
  if (!existsSync(place)) return undefined;
  const running = readPostmasterFile(place);
  if (!running?.isReady || !clusterProcesses(place).includes(running.pid)) return undefined;
  return adminUrl(place, running.port);
}

async function startLocked(options: EmbeddedOptions, lock: FolderLock): Promise<EmbeddedPostgres> {
  const account = chooseAccount(join(options.dataDir, "postgres"));
  const clusterDir = cluster.placeCluster(options.dataDir, account);
  const binDir = findBinaries(account);
  const recovered = existsSync(join(clusterDir, "postmaster.pid"));
  await stopClusterProcesses(clusterDir);
  if (!cluster.isInitialized(clusterDir)) cluster.initializeCluster(binDir, clusterDir, account);
  const version = cluster.clusterVersion(clusterDir);
  if (version !== "18") {
    throw new SetupError(
      `${clusterDir} was made by PostgreSQL ${version}, and this is PostgreSQL 18. ` +
        "Dump it with its own version and load it here, or set ROWHOUSE_DATA_DIR to another folder.",
    );
  }
  cluster.writeSettings(clusterDir, options, account);
  const logFile = join(options.dataDir, "postgres.log");
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? lastPort(clusterDir) : 0);
    const started = await launchPostgres(join(binDir, "postgres"), clusterDir, port, logFile, account);
    if (started) {
      let stopping: Promise<void> | undefined;
      const stop = async () => {
        await stopClusterProcesses(clusterDir);
        lock.release();
      };
      return {
        adminUrl: adminUrl(clusterDir, port),
        ended: started.ended,
        recovered,
        stop: () => (stopping ??= stop()),
      };
    }
    const tail = readFileSync(logFile, "utf8").split("\n").slice(-15).join("\n").trim();
    const isPassing = /Address already in use|shared memory block .* still in use/.test(tail);
    if (attempt === 5 || !isPassing) {
      throw new SetupError(`The embedded PostgreSQL did not start. The end of its log ${logFile}:\n${tail}`);
    }
    await sleep(200 * attempt);
  }
}

function adminUrl(clusterDir: string, port: number): string {
  return `postgres://postgres:${cluster.clusterPassword(clusterDir)}@127.0.0.1:${port}/${database}`;
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
    const logFile = join(dataDir, "postgres.log");
    if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > logBytesMax) truncateSync(logFile);
  } catch (error) {
    throw new SetupError(
      `The data folder ${dataDir} cannot be made or written (${(error as Error).message}). Set ROWHOUSE_DATA_DIR to another.`,
      error,
    );
  }
}
