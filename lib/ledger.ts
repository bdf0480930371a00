import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as graphileMigrate from "graphile-migrate";
import { projectDir } from "./config.ts";
import { databaseName, withDatabase } from "./database-urls.ts";

/** Receives a line of progress. */
export type Report = (message: string) => void;

/** What graphile-migrate's connections are called in pg_stat_activity, with the id of this process. */
export const ledgerName = `rowhouse-ledger-${process.pid}`;

/** The database on the same server that a new migration is tried on from scratch. */
export function shadowUrl(adminUrl: string): string {
  return withDatabase(adminUrl, `${databaseName(adminUrl)}_shadow`);
}

/** The same connection, acting as another role from its first statement on. */
export function asRole(url: string, role: string): string {
  const result = new URL(url);
  result.searchParams.set("options", `${result.searchParams.get("options") ?? ""} -c role=${role}`.trim());
  return result.href;
}

/** A connection of graphile-migrate: acting as the owner of every object, and known by name. */
function ledgerUrl(url: string): string {
  const result = new URL(asRole(url, "rowhouse_owner"));
  result.searchParams.set("application_name", ledgerName);
  return result.href;
}

/** The settings of graphile-migrate: those of `.gmrc`, and connections that act as the owner of every object. */
export function ledgerSettings(adminUrl: string, report: Report): graphileMigrate.Settings {
  const settings = JSON.parse(readFileSync(join(projectDir, ".gmrc"), "utf8")) as graphileMigrate.Settings;
  return {
    ...settings,
    migrationsFolder: join(projectDir, settings.migrationsFolder ?? "db/migrations"),
    connectionString: ledgerUrl(adminUrl),
    shadowConnectionString: ledgerUrl(shadowUrl(adminUrl)),
    rootConnectionString: withDatabase(adminUrl, "postgres"),
    databaseOwner: "rowhouse_owner",
    logger: new graphileMigrate.Logger(() => (level, message) => {
      if (level === "debug") return;
      report(message.replace(/^graphile-migrate(\[shadow\])?: /, (_, shadow?: string) => (shadow ? "shadow: " : "")));
    }),
  };
}
