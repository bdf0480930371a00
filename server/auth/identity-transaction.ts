import { escapeLiteral, type Pool, type PoolClient } from "pg";
import { withTransaction } from "../../lib/tenant-transaction.ts";
import { currentRequest, currentSession } from "../http/request-scope.ts";
import { pgSettings } from "./session.ts";

/** Runs `work` in a transaction that may call the functions of identity; the claims tell the audit log who it was. */
export async function inIdentityTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const { requestId, client } = currentRequest() ?? {};
  const settings = pgSettings(currentSession(), { requestId, ipAddress: client?.ipAddress });
  const begin = `begin; select ${Object.entries({ ...settings, role: "rowhouse_identity" })
    .map(([name, value]) => `set_config('${name}', ${escapeLiteral(value)}, true)`)
    .join(", ")}`;
  return withTransaction(pool, begin, work);
}

/** The first row of a statement in such a transaction. */
export async function askIdentity<Row extends object>(
  pool: Pool,
  sql: string,
  values: readonly unknown[],
): Promise<Row | undefined> {
  return inIdentityTransaction(pool, async (client) => (await client.query<Row>(sql, [...values])).rows[0]);
}
