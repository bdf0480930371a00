import type { ClientBase } from "pg";

/** How the API shows a column. */
export interface ApiColumn {
  readonly name: string;
  /** Prefix of the TypeIDs that its uuids are shown as. */
  readonly prefix: string | null;
  /** Its values are shown in upper case. */
  readonly isEnum: boolean;
}

/** The columns of a table by their name in the database, and the prefix of its own ids. */
export interface ApiTable {
  readonly prefix: string | null;
  readonly columns: ReadonlyMap<string, ApiColumn>;
}

/** The tables of the API by their name in the database. */
export type ApiTables = ReadonlyMap<string, ApiTable>;

interface ColumnRow {
  readonly table: string;
  readonly table_prefix: string | null;
  readonly column: string;
  readonly name: string | null;
  readonly prefix: string | null;
  readonly is_enum: boolean;
}

// As server/plugins has it: naming-plugin, type-id-plugin, enum-domain-plugin.
const columnsSql = String.raw`
  select c.relname as table, substring(obj_description(c.oid, 'pg_class') from '@typeid (\w+)') as table_prefix,
    a.attname as column, substring(col_description(c.oid, a.attnum) from '@name (\w+)') as name,
    case when a.attname = 'id' then substring(obj_description(c.oid, 'pg_class') from '@typeid (\w+)')
      else coalesce(substring(col_description(c.oid, a.attnum) from '@typeid (\w+)'), (
        select substring(obj_description(k.confrelid, 'pg_class') from '@typeid (\w+)') from pg_constraint k
        where k.conrelid = c.oid and k.contype = 'f' and k.conkey[cardinality(k.conkey)] = a.attnum limit 1)) end as prefix,
    coalesce(t.typtype = 'd' and obj_description(t.oid, 'pg_type') like '@enum %', false) as is_enum
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid
  where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname in ('iam', 'pipeline', 'crm', 'lists', 'outreach', 'inbox', 'tracking', 'events', 'audit')`;

/** Reads from the catalogue how the API shows every table. */
export async function readApiTables(client: ClientBase): Promise<ApiTables> {
  const { rows } = await client.query<ColumnRow>(columnsSql);
  const tables = new Map<string, { prefix: string | null; columns: Map<string, ApiColumn> }>();
  for (const row of rows) {
    const table = tables.get(row.table) ?? { prefix: row.table_prefix, columns: new Map<string, ApiColumn>() };
    tables.set(row.table, table);
    const named = row.name ?? row.column;
    const name = row.prefix !== null && !/(^|_)id$/.test(named) ? `${named}_id` : named;
    table.columns.set(row.column, { name: camelCase(name), prefix: row.prefix, isEnum: row.is_enum });
  }
  return tables;
}

/** `first_name` as `firstName`. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
