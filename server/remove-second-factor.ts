import { parseArgs } from "node:util";
import { Pool } from "pg";
import { loadConfig } from "../lib/config.ts";
import { SetupError } from "../lib/errors.ts";
import { withTransaction } from "../lib/tenant-transaction.ts";
import { findLogin } from "./auth/identity.ts";
import { serverDatabaseUrl } from "./database-url.ts";

const usage = "Usage: npm run --silent second-factor:remove -- --email <user>";

/**
 * Removes the second factor of a user who lost it and its recovery codes. Only who runs the server may: a user is one
 * person in all tenants, so that no admin of one of them could take away what protects the others. Each of the user's tenants
 * finds it in its audit log.
 */
async function removeSecondFactor(pool: Pool, email: string): Promise<void> {
  const login = await findLogin(pool, email);
  if (login === undefined) throw new SetupError(`Nobody has the address ${email}.`);
  const { rowId } = login.identity.user;
  const begin = "begin; select set_config('role', 'rowhouse_identity', true)";
  await withTransaction(pool, begin, async (client) => {
    const { rows } = await client.query("select from private.find_totp($1)", [rowId]);
    if (rows.length === 0) throw new SetupError(`${email} has no second factor.`);
    await client.query(
      "select set_config('rowhouse.request_id', 'second-factor:remove', true), private.drop_totp($1)",
      [rowId],
    );
  });
}

const { values } = parseArgs({ options: { email: { type: "string" } }, strict: false });
const email = typeof values["email"] === "string" ? values["email"].trim().toLowerCase() : "";
try {
  if (email === "") throw new SetupError(`--email is missing.\n${usage}`);
  const pool = new Pool({ connectionString: serverDatabaseUrl(loadConfig()), max: 1, connectionTimeoutMillis: 10_000 });
  try {
    await removeSecondFactor(pool, email);
  } finally {
    await pool.end();
  }
  console.log(`${email} has no second factor any more, and can log in with the password alone.`);
} catch (error) {
  console.error(error instanceof SetupError ? error.message : `Nothing was removed: ${(error as Error).message}`);
  process.exitCode = 1;
}
