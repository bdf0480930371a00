import type { TestDatabase } from "./database.ts";

/** Locks a table, so that statements on it wait; the function it returns lets them go on. */
export async function lockTable(database: TestDatabase, table: string): Promise<() => Promise<void>> {
  const client = await database.admin.connect();
  await client.query(`begin; lock table ${table} in access exclusive mode`);
  let isLocked = true;
  return async () => {
    if (!isLocked) return;
    isLocked = false;
    await client.query("rollback");
    client.release();
  };
}
