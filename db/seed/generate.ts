/** npm run seed: fills the database with generated tenants. Without DATABASE_URL it works on the embedded PostgreSQL. */
import pg from "pg";
import { loadConfig } from "../../lib/config.ts";
import { SetupError } from "../../lib/errors.ts";
import { openDatabase } from "../commands/open-database.ts";
import { generateTenants } from "./generate/generate-tenants.ts";
import { readSeedOptions, SEED_USAGE } from "./generate/options.ts";

async function main(): Promise<void> {
  const options = readSeedOptions(process.argv.slice(2));
  if (!options) return void process.stdout.write(SEED_USAGE);
  const database = await openDatabase(loadConfig());
  const client = new pg.Client({ connectionString: database.urls.admin });
  try {
    await client.connect();
    await generateTenants(client, options, (line) => process.stdout.write(`${line}\n`));
  } finally {
    await client.end();
    await database.close();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof SetupError ? error.message : describe(error)}\n`);
    process.exit(1);
  },
);

/** A database error says in `where` which line of which COPY it is about. */
function describe(error: unknown): string {
  const { stack, detail, where } = error as { stack?: string; detail?: string; where?: string };
  return [stack ?? String(error), detail, where].filter(Boolean).join("\n");
}
