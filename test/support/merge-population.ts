import type { Client } from "pg";
import type { CatalogueTable } from "./catalogue.ts";
import { insertRowOfEach } from "./rows.ts";

/** A reference that a merge moves, as the catalogue has it. */
interface Reference {
  readonly source: string;
  readonly key: string;
}

/** Rows as the tests compare them, by qualified table name and id. */
export type Snapshot = Record<string, unknown>;

/** Every reference to a table that a merge of its rows moves. */
export async function mergeReferences(db: Client, target: string): Promise<Reference[]> {
  const { rows } = await db.query<Reference>("select source::text, key from crm.merge_references($1::regclass)", [
    target,
  ]);
  return rows;
}

/**
 * Gives each of some contacts or companies rows of every table that refers to their table: copies of two generated rows,
 * alike but for whom they refer to, so that many collide in a merge; some of them primary, deleted, or sent already.
 */
export async function populate(db: Client, { tables, tenantId, target, ids, below }: Population): Promise<void> {
  const templates = [await insertRowOfEach(db, tables, tenantId), await insertRowOfEach(db, tables, tenantId)];
  await db.query("select set_config('jwt.claims.tenant_id', $1, false)", [tenantId]);
  for (const { source, key } of await mergeReferences(db, target)) {
    const table = tables.find(({ name }) => name === source)!;
    const columns = table.columns.map(({ name }) => name).filter((name) => name !== "id");
    for (const id of ids)
      for (const template of templates)
        for (let copies = below(3); copies > 0; copies--) {
          const changed = { [key]: id, ...chances(columns, below) };
          await db.query(
            `insert into ${source} (${columns.join(", ")}) select ${columns.join(", ")}
             from jsonb_populate_record((select t from ${source} t where tenant_id = $1 and id = $2), $3)
             on conflict do nothing`,
            [tenantId, template.get(source), changed],
          );
        }
  }
}

/** Whom to give rows, and what to take for chance. */
export interface Population {
  readonly tables: CatalogueTable[];
  readonly tenantId: string;
  readonly target: string;
  readonly ids: readonly string[];
  readonly below: (n: number) => number;
}

function chances(columns: readonly string[], below: (n: number) => number): Record<string, unknown> {
  const chance = (column: string, among: number) => columns.includes(column) && below(among) === 0;
  if (chance("deleted_at", 5)) return { deleted_at: new Date(0) };
  if (chance("queued_at", 2)) return { queued_at: new Date(0) };
  return chance("is_primary", 2) ? { is_primary: true } : {};
}

/**
 * All rows of a tenant. When a row was last changed is left out, because undoing is a change, too; so are merges and the
 * log of changes, which tell that there was a merge.
 */
export async function snapshot(db: Client, tables: CatalogueTable[], tenantId: string): Promise<Snapshot> {
  const rows: Snapshot = {};
  for (const { name } of tables.filter(
    (table) => !["crm.merges", "audit.audit_logs", "events.events"].includes(table.name),
  )) {
    const found = await db.query<{ id: string; row: unknown }>(
      `select id, to_jsonb(t) - 'updated_at' as row from ${name} t where tenant_id = $1`,
      [tenantId],
    );
    for (const { id, row } of found.rows) rows[`${name} ${id}`] = row;
  }
  return rows;
}
