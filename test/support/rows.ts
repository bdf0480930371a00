import { randomBytes, randomUUID } from "node:crypto";
import type { Client } from "pg";
import type { CatalogueColumn, CatalogueTable } from "./catalogue.ts";
import { specialValues } from "./rows/index.ts";

/** One session, because the tenant's claim is set in it. */
type Queryable = Pick<Client, "query">;

/** Ids of one generated row per table, by qualified table name. */
export type RowIds = Map<string, string>;

/**
 * Writes one valid row of each table for a tenant, straight from the catalogue, as a superuser (no policy in the way).
 * A new table is covered without a line, unless a check of its own asks for a special value.
 */
export async function insertRowOfEach(db: Queryable, tables: CatalogueTable[], tenantId: string): Promise<RowIds> {
  const ids: RowIds = new Map();
  // The triggers of a table act as its owner, whom the wall binds: they need the tenant's claim.
  await db.query("select set_config('jwt.claims.tenant_id', $1, false)", [tenantId]);
  for (const table of tables) ids.set(table.name, await insertRow(db, tables, table, tenantId, ids));
  await db.query("select set_config('jwt.claims.tenant_id', '', false)");
  return ids;
}

async function insertRow(
  db: Queryable,
  tables: CatalogueTable[],
  table: CatalogueTable,
  tenantId: string,
  ids: RowIds,
): Promise<string> {
  const names: string[] = ["tenant_id"];
  const values: unknown[] = [tenantId];
  for (const column of table.columns) {
    const isWanted = column.isRequired || `${table.name}.${column.name}` in specialValues;
    if (!isWanted || names.includes(column.name)) continue;
    names.push(column.name);
    const target = secondTarget(table, column, names);
    const other = tables.find((each) => each.name === target);
    values.push(
      other ? await insertRow(db, tables, other, tenantId, ids) : await valueOf(db, table, column, tenantId, ids),
    );
  }
  const { rows } = await db.query<{ id: string }>(
    `insert into ${table.name} (${names.join(", ")}) values (${names.map((_, i) => `$${i + 1}`).join(", ")})
     on conflict do nothing returning id`,
    values,
  );
  return rows[0]?.id ?? (await rowOfTrigger(db, table, tenantId));
}

/** The table of a reference, when an earlier column refers to it already: a row seldom refers to the same row twice. */
function secondTarget(table: CatalogueTable, column: CatalogueColumn, names: string[]): string | undefined {
  const key = table.foreignKeys.find((each) => each.column === column.name);
  return table.foreignKeys.find((each) => each !== key && each.target === key?.target && names.includes(each.column))
    ?.target;
}

/** The row that a trigger made for a row of another table, where there can be only one. */
async function rowOfTrigger(db: Queryable, table: CatalogueTable, tenantId: string): Promise<string> {
  const { rows } = await db.query<{ id: string }>(`select id from ${table.name} where tenant_id = $1 limit 1`, [
    tenantId,
  ]);
  return rows[0]!.id;
}

async function valueOf(
  db: Queryable,
  table: CatalogueTable,
  column: CatalogueColumn,
  tenantId: string,
  ids: RowIds,
): Promise<unknown> {
  const special = specialValues[`${table.name}.${column.name}`];
  if (special) return special(ids);
  const key = table.foreignKeys.find((each) => each.column === column.name);
  if (key?.target === "iam.users") return insertUser(db);
  if (key) {
    const id = ids.get(key.target);
    if (!id) throw new Error(`No row of ${key.target} yet for ${table.name}.${column.name} of tenant ${tenantId}.`);
    return id;
  }
  if (column.values) return column.values[0];
  switch (column.type) {
    case "uuid":
      return randomUUID();
    case "text":
      return `some ${column.name} ${randomBytes(4).toString("hex")}`;
    case "jsonb":
      return {};
    case "boolean":
      return false;
    case "date":
    case "timestamp with time zone":
      return new Date();
    default:
      return 1;
  }
}

async function insertUser(db: Queryable): Promise<string> {
  const email = `user-${randomBytes(6).toString("hex")}@example.test`;
  const { rows } = await db.query<{ id: string }>(
    "insert into iam.users (email, name) values ($1, 'Somebody') returning id",
    [email],
  );
  return rows[0]!.id;
}
