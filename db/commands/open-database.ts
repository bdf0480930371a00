import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../../lib/config.ts";
import { databaseUrls, type DatabaseUrls } from "../../lib/database-urls.ts";
import { embeddedOptions, findEmbeddedPostgres, lockFile, startEmbeddedPostgres } from "../../lib/embedded-postgres.ts";
import { SetupError } from "../../lib/errors.ts";
import { takeFolderLock } from "../../lib/folder-lock.ts";

/** The database a command works on. */
export interface OpenDatabase {
  readonly urls: DatabaseUrls;
  /** Stops PostgreSQL again if it was started for this command. */
  close(): Promise<void>;
}

const joinMs = 30_000;

/** The database of DATABASE_URL; or else the embedded one, shared with a running `npm start` or started for the moment. */
export async function openDatabase(config: Config): Promise<OpenDatabase> {
  if (config.databaseUrl) return { urls: databaseUrls(config.databaseUrl, config), close: async () => undefined };
  const isTaken = () => {
    const lock = takeFolderLock(lockFile(config.dataDir));
    lock?.release();
    return lock === undefined;
  };
  const until = Date.now() + joinMs;
  while (isTaken()) {
    const adminUrl = findEmbeddedPostgres(config.dataDir);
    if (adminUrl) return { urls: databaseUrls(adminUrl, config), close: async () => undefined };
    if (Date.now() > until) {
      throw new SetupError(
        `Another process holds the data folder ${config.dataDir}, but its PostgreSQL does not run. Stop it first.`,
      );
    }
    await sleep(100);
  }
  const postgres = await startEmbeddedPostgres(embeddedOptions(config));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => void postgres.stop().finally(() => process.exit(130)));
  }
  return { urls: databaseUrls(postgres.adminUrl, config), close: () => postgres.stop() };
}
