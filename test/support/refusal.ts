import type { PoolClient } from "pg";

/** Runs a statement that ought to be refused, and lets the transaction go on; the error. */
export async function refusal(client: PoolClient, sql: string, values: unknown[] = []): Promise<unknown> {
  await client.query("savepoint refusal");
  const error = await client.query(sql, values).then(
    () => new Error(`Nothing refused: ${sql}`),
    (cause: unknown) => cause,
  );
  await client.query("rollback to savepoint refusal");
  return error;
}
