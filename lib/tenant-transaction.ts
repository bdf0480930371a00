import { escapeLiteral, type Pool, type PoolClient } from "pg";

/** On whose behalf a transaction runs. */
export interface TenantClaims {
  readonly tenantId: string;
  /** The actor that changes are recorded for; none leaves them without one. */
  readonly actorId?: string | undefined;
  /** The job or request on whose account they are made. */
  readonly requestId?: string | undefined;
  /** How many automations stand behind what is done. */
  readonly depth?: number | undefined;
  /** What ties it to everything else that had the same cause. */
  readonly correlationId?: string | undefined;
}

/** The statement that opens a transaction as rowhouse_system within one tenant, behind the same policies as requests. */
export function beginAsSystem({ tenantId, actorId, requestId, depth, correlationId }: TenantClaims): string {
  return `begin; select set_config('role', 'rowhouse_system', true),
    set_config('jwt.claims.tenant_id', ${escapeLiteral(tenantId)}, true),
    set_config('jwt.claims.actor_id', ${escapeLiteral(actorId ?? "")}, true),
    set_config('rowhouse.request_id', ${escapeLiteral(requestId ?? "")}, true), set_config('rowhouse.ip', '', true),
    set_config('rowhouse.depth', ${escapeLiteral(depth ? String(depth) : "")}, true),
    set_config('rowhouse.correlation_id', ${escapeLiteral(correlationId ?? "")}, true)`;
}

/** Runs `work` in one transaction of a tenant as rowhouse_system; whatever it throws rolls everything back. */
export async function inTenantTransaction<T>(
  pool: Pool,
  claims: TenantClaims,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  return withTransaction(pool, beginAsSystem(claims), work);
}

/** Runs `work` between an opening statement and its commit; a connection that cannot be rolled back is thrown away. */
export async function withTransaction<T>(
  pool: Pool,
  begin: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback").catch((failure: Error) => (broken = failure));
    throw error;
  } finally {
    client.release(broken);
  }
}
