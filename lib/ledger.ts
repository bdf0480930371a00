import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as graphileMigrate from "graphile-migrate";
import { connectAdmin } from "./admin-connection.ts";
import { projectDir } from "./config.ts";
import { databaseName, withDatabase } from "./database-urls.ts";

/** Receives a line of progress. */
export type Report = (message: string) => void;

/** What graphile-migrate's connections are called in pg_stat_activity, with the id of this process. */
const ledgerName = `rowhouse-ledger-${process.pid}`;

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

/**
 * Does something with graphile-migrate, and waits until its connections are gone: it keeps them for a moment after it
 * is done, and ends our whole process when one is lost meanwhile (because the database is dropped or stopped, say).
 */
export async function withLedger<T>(
  adminUrl: string,
  report: Report,
  work: (settings: graphileMigrate.Settings) => Promise<T>,
): Promise<T> {
  const client = await connectAdmin(withDatabase(adminUrl, "postgres"));
  try {
    return await work(ledgerSettings(adminUrl, report));
  } finally {
    for (let tries = 0; tries < 200; tries++) {
      const { rowCount } = await client.query("select from pg_stat_activity where application_name = $1", [ledgerName]);
      if (!rowCount) break;
      await sleep(10);
    }
    await client.end();
  }
}

/** The settings of graphile-migrate: those of `.gmrc`, and connections that act as the owner of every object. */
function ledgerSettings(adminUrl: string, report: Report): graphileMigrate.Settings {
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
