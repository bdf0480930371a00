import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildSchema } from "graphql";
import { Pool } from "pg";
import { loadConfig, projectDir } from "../lib/config.ts";
import { SetupError } from "../lib/errors.ts";
import { serverDatabaseUrl } from "./database-url.ts";
import { composeDocuments } from "./documents/compose-documents.ts";
import { createDocumentStore } from "./documents/document-store.ts";
import { readDocuments } from "./documents/read-documents.ts";
import { operationLimits } from "./limits/settings.ts";

const usage = "Usage: npm run --silent documents -- <files or folders of a client> [--out persisted-documents.json]";

/** Stores the documents of a client, and prints or writes the manifest that it sends their hashes by. */
async function storeDocuments(args: string[]): Promise<void> {
  const { values, positionals } = parsed(args);
  if (positionals.length === 0) throw new SetupError(usage);
  const config = loadConfig();
  const schema = buildSchema(readFileSync(join(projectDir, "server/schema.graphql"), "utf8"));
  const { manifest, problems } = composeDocuments(readDocuments(positionals), schema, operationLimits(config));
  if (problems.length > 0) throw new SetupError(`Nothing was stored:\n  - ${problems.join("\n  - ")}`);
  const texts = Object.values(manifest);
  if (texts.length === 0) throw new SetupError(`There is no GraphQL operation in ${positionals.join(", ")}.`);
  const pool = new Pool({ connectionString: serverDatabaseUrl(config), max: 1, connectionTimeoutMillis: 10_000 });
  try {
    const added = await createDocumentStore(pool).store(texts);
    console.error(`${texts.length} documents; ${added} of them are new.`);
  } finally {
    await pool.end();
  }
  const json = JSON.stringify(manifest, null, 2);
  if (values.out === undefined) console.log(json);
  else writeFileSync(values.out, `${json}\n`);
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options: { out: { type: "string" } }, allowPositionals: true });
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n${usage}`);
  }
}

try {
  await storeDocuments(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : `Nothing was stored: ${(error as Error).message}`);
  process.exitCode = 1;
}
