import { chmodSync, existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stopClusterProcesses } from "../../lib/cluster-processes.ts";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../../lib/embedded-postgres.ts";
import { takeFolderLock } from "../../lib/folder-lock.ts";

const prefix = "rowhouse-test-";
const settledMs = 60_000;

/** A PostgreSQL for tests, in a folder of its own: fast, not durable. */
export interface TestCluster {
  readonly postgres: EmbeddedPostgres;
  /** Stops it and deletes its folder. */
  remove(): Promise<void>;
}

/** Starts a throw-away PostgreSQL; first clears away those of test runs that were killed. */
export async function startTestCluster(): Promise<TestCluster> {
  await removeLeftovers();
  const dataDir = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, sharedBuffers: "128MB", fsync: false });
  const remove = async () => {
    await postgres.stop();
    removeDataDir(dataDir);
  };
  return { postgres, remove };
}

/** Deletes a data folder, and the cluster it links to where that lies elsewhere. Nothing may run on it. */
export function removeDataDir(dataDir: string): void {
  const place = join(dataDir, "postgres");
  if (existsSync(place)) rmSync(realpathSync(place), { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
}

async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const dataDir = join(tmpdir(), name);
    const lockFile = join(dataDir, "postgres.lock");
    const age = Date.now() - (statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age < settledMs) continue;
    try {
      const lock = takeFolderLock(lockFile);
      if (!lock) continue;
      await stopClusterProcesses(join(dataDir, "postgres"), 5_000);
      removeDataDir(dataDir);
      lock.release();
    } catch {
      // Another user's leftover, or one that another run clears away at this moment.
    }
  }
}
