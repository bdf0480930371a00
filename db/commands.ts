/** npm run db:<verb>: what a DBA does to the database. Without DATABASE_URL it works on the embedded PostgreSQL. */
import { loadConfig } from "../lib/config.ts";
import { SetupError } from "../lib/errors.ts";
import { commands, describeCommands } from "./commands/index.ts";
import { openDatabase } from "./commands/open-database.ts";

const [verb = "", ...args] = process.argv.slice(2);

async function main(): Promise<number> {
  const command = commands[verb];
  if (!command) {
    process.stderr.write(`${verb ? `There is no command db:${verb}. ` : ""}The commands are:\n${describeCommands()}`);
    return 64;
  }
  const database = await openDatabase(loadConfig());
  try {
    return await command.run({ database, args, print: (line) => process.stdout.write(`${line}\n`) });
  } finally {
    await database.close();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof SetupError ? error.message : String((error as Error)?.stack ?? error)}\n`);
    process.exit(1);
  },
);
