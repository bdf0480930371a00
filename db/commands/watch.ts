import * as graphileMigrate from "graphile-migrate";
import { withLedger } from "../../lib/ledger.ts";
import type { Command } from "./command.ts";
import { bringUpToDate } from "./migrate.ts";

/** Applies the migration in progress again after every change of it or of the book; `--once` only now. */
export const watch: Command = {
  sentence: "applies db/migrations/current at every change; with -- --once just now",
  run: async (context) => {
    const once = context.args.includes("--once");
    await bringUpToDate(context);
    await withLedger(context.database.urls.admin, context.print, (settings) => graphileMigrate.watch(settings, once));
    if (once) return 0;
    context.print("Watching db/migrations/current and db/schema; stop with Ctrl-C.");
    return new Promise<number>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(0));
    });
  },
};
