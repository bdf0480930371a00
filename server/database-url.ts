import type { Config } from "../lib/config.ts";
import { roleUrl } from "../lib/database-urls.ts";
import { findEmbeddedPostgres } from "../lib/embedded-postgres.ts";
import { SetupError } from "../lib/errors.ts";

/** How the server reaches its database: as the settings say, or the embedded one that runs on the data folder. */
export function serverDatabaseUrl(config: Config): string {
  if (config.serverDatabaseUrl !== undefined) return config.serverDatabaseUrl;
  const adminUrl = config.databaseUrl ?? findEmbeddedPostgres(config.dataDir);
  if (adminUrl !== undefined) return roleUrl(adminUrl, "rowhouse_server", config.secret);
  throw new SetupError(
    `No database is running on the data folder ${config.dataDir}. Start everything with npm start, or set DATABASE_URL.`,
  );
}
