import type { ClientBase, Pool } from "pg";

/** What was done to the tables that are cut into months, and to which of them nothing could be done now. */
export interface KeptPartitions {
  readonly done: readonly string[];
  readonly failed: readonly { table: string; error: unknown }[];
}

/**
 * Makes the months to come of every table that is cut into months, and drops those beyond their retention; each table in
 * a transaction of its own, so that no lock is held longer than it takes. One that is busy is left for the next time.
 */
export async function keepPartitions(db: Pool | ClientBase): Promise<KeptPartitions> {
  const done: string[] = [];
  const failed: { table: string; error: unknown }[] = [];
  const tables = await db.query<{ name: string }>("select private.partitioned_table_names() as name");
  for (const { name } of tables.rows) {
    try {
      const { rows } = await db.query<{ done: string[] }>("select private.keep_partitions($1) as done", [name]);
      done.push(...rows[0]!.done);
    } catch (error) {
      failed.push({ table: name, error });
    }
  }
  return { done, failed };
}
