import { escapeIdentifier } from "pg";
import { connectAdmin, maintenanceUrl } from "../../lib/admin-connection.ts";
import { databaseName } from "../../lib/database-urls.ts";
import type { Command } from "./command.ts";
import { bringUpToDate } from "./migrate.ts";

/** Deletes the database with everything in it and builds it from the ledger. Asks for `--erase`. */
export const reset: Command = {
  sentence: "deletes everything and applies the whole ledger: -- --erase",
  run: async (context) => {
    const { admin } = context.database.urls;
    const name = databaseName(admin);
    if (!context.args.includes("--erase")) {
      context.print(`This deletes every row of the database ${name}. If you mean it: npm run db:reset -- --erase`);
      return 64;
    }
    const client = await connectAdmin(await maintenanceUrl(admin));
    try {
      await client.query(`drop database if exists ${escapeIdentifier(name)} with (force)`);
    } finally {
      await client.end();
    }
    context.print(`deleted the database ${name}`);
    await bringUpToDate(context);
    return 0;
  },
};
