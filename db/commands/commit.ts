import * as graphileMigrate from "graphile-migrate";
import { withLedger } from "../../lib/ledger.ts";
import type { Command } from "./command.ts";
import { bringUpToDate } from "./migrate.ts";

/** Moves the migration in progress to the ledger, after trying the whole ledger on an empty shadow database. */
export const commit: Command = {
  sentence: "moves db/migrations/current to the ledger: -- --message 'crm: Add notes.'",
  run: async (context) => {
    const message = messageOf(context.args);
    if (!message) {
      context.print("Say what the migration does: npm run db:commit -- --message 'crm: Add notes.'");
      return 64;
    }
    await bringUpToDate(context);
    await withLedger(context.database.urls.admin, context.print, (settings) =>
      graphileMigrate.commit(settings, message),
    );
    return 0;
  },
};

function messageOf(args: readonly string[]): string | undefined {
  const flag = args.findIndex((arg) => arg === "--message" || arg === "-m");
  return (flag >= 0 ? args[flag + 1] : args.join(" "))?.trim() || undefined;
}
