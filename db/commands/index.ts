import { commit } from "./commit.ts";
import type { Command } from "./command.ts";
import { counters } from "./counters.ts";
import { lint } from "./lint.ts";
import { migrate } from "./migrate.ts";
import { reseal } from "./reseal.ts";
import { reset } from "./reset.ts";
import { status } from "./status.ts";
import { watch } from "./watch.ts";

/** The verbs of npm run db:<verb>. */
export const commands: Readonly<Record<string, Command>> = {
  watch,
  commit,
  migrate,
  status,
  reset,
  lint,
  counters,
  reseal,
};

/** One line for each verb. */
export function describeCommands(): string {
  return Object.entries(commands)
    .map(([verb, { sentence }]) => `  npm run db:${verb.padEnd(8)} ${sentence}\n`)
    .join("");
}
