import type { PoolClient } from "pg";

/** Inserts a row and gives it back whole; each test knows its columns. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export async function insertInto(client: PoolClient, table: string, row: Record<string, unknown>): Promise<any> {
  const names = Object.keys(row);
  const { rows } = await client.query(
    `insert into ${table} (${names.join(", ")}) values (${names.map((_, n) => `$${n + 1}`).join(", ")}) returning *`,
    Object.values(row),
  );
  return rows[0];
}
