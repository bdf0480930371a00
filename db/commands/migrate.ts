import { ensureDatabase, ensureRoles, migrate as applyLedger } from "../../lib/migrate.ts";
import type { Command, CommandContext } from "./command.ts";

/** Makes roles and database where they are missing, and applies the committed migrations. */
export const migrate: Command = {
  sentence: "applies the committed migrations that the database has not seen",
  run: async (context) => {
    await bringUpToDate(context);
    return 0;
  },
};

/** What every command that changes the database does first. */
export async function bringUpToDate({ database, print }: CommandContext): Promise<void> {
  await ensureRoles(database.urls);
  await ensureDatabase(database.urls.admin);
  await applyLedger(database.urls.admin, print);
}
