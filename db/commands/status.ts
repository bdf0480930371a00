import * as graphileMigrate from "graphile-migrate";
import { connectAdmin, isMissingDatabase } from "../../lib/admin-connection.ts";
import { withLedger } from "../../lib/ledger.ts";
import type { Command, CommandContext } from "./command.ts";

/** Tells which migrations are pending; exit code 1 for pending ones, 2 for one in progress, 3 for both. */
export const status: Command = {
  sentence: "tells what is pending (exit code 1) or in progress (2), or both (3)",
  run: async (context) => {
    if (!(await exists(context))) {
      context.print("The database does not exist yet. Run: npm run db:migrate");
      return 1;
    }
    const { remainingMigrations = [], hasCurrentMigration } = await withLedger(
      context.database.urls.admin,
      () => undefined,
      (settings) => graphileMigrate.status(settings),
    );
    for (const name of remainingMigrations) context.print(`pending: ${name}`);
    if (hasCurrentMigration) context.print("in progress: db/migrations/current holds a change that is not committed");
    if (remainingMigrations.length === 0 && !hasCurrentMigration) context.print("The database is up to date.");
    return (remainingMigrations.length > 0 ? 1 : 0) + (hasCurrentMigration ? 2 : 0);
  },
};

async function exists({ database }: CommandContext): Promise<boolean> {
  try {
    const client = await connectAdmin(database.urls.admin);
    const { rows } = await client.query<{ ready: boolean }>("select to_regrole('rowhouse_owner') is not null as ready");
    await client.end();
    return rows[0]?.ready ?? false;
  } catch (error) {
    if (isMissingDatabase(error)) return false;
    throw error;
  }
}
