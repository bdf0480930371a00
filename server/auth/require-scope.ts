import { escapeLiteral, type Pool } from "pg";
import { withTransaction } from "../../lib/tenant-transaction.ts";
import { translateDatabaseError } from "../errors/database-error.ts";
import type { Session } from "./session.ts";

/**
 * Asks the database whether a session has a scope, where what follows runs as the system; throws FORBIDDEN, naming the
 * scope. A session that is not limited to scopes costs nothing.
 */
export async function requireScope(pool: Pool, { scopes }: Session, scope: string): Promise<void> {
  if (scopes === undefined) return;
  const claim = escapeLiteral(scopes.join(" "));
  const begin = `begin read only; select set_config('role', 'rowhouse_identity', true), set_config('jwt.claims.scopes', ${claim}, true)`;
  try {
    await withTransaction(pool, begin, (client) => client.query("select app.require_scope($1)", [scope]));
  } catch (error) {
    throw translateDatabaseError(error) ?? error;
  }
}
