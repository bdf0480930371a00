import type { Client, Pool } from "pg";

type Queryable = Pick<Client | Pool, "query">;

/** A table of the model as the system catalogue describes it. */
export interface CatalogueTable {
  /** Qualified name, such as `lists.list_entries`. */
  name: string;
  columns: CatalogueColumn[];
  foreignKeys: CatalogueForeignKey[];
}

/** A column as a row generator needs it. */
export interface CatalogueColumn {
  name: string;
  type: string;
  isRequired: boolean;
  /** The values of a closed list, when the column's type is one. */
  values: string[] | null;
}

/** A reference to another table; `columns` without the tenant. */
export interface CatalogueForeignKey {
  column: string;
  target: string;
  isRequired: boolean;
}

/** All tables with a tenant, in an order in which each comes after the tables it must refer to. */
export async function tenantTables(db: Queryable): Promise<CatalogueTable[]> {
  const { rows } = await db.query<CatalogueTable>(TABLES);
  const sorted: CatalogueTable[] = [];
  const visit = (table: CatalogueTable, path: string[]): void => {
    if (sorted.includes(table) || path.includes(table.name)) return;
    for (const key of table.foreignKeys.filter(({ isRequired }) => isRequired)) {
      const target = rows.find((row) => row.name === key.target);
      if (target) visit(target, [...path, table.name]);
    }
    sorted.push(table);
  };
  for (const table of rows) visit(table, []);
  return sorted;
}

const TABLES = `
  select c.oid::regclass::text as name,
    (select json_agg(json_build_object(
        'name', a.attname, 'type', format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), null),
        'isRequired', a.attnotnull and not a.atthasdef,
        'values', (select array_agg(m[1]) from pg_constraint k, regexp_matches(pg_get_constraintdef(k.oid), '''([^'']*)''', 'g') m
          where k.contypid = a.atttypid)) order by a.attnum)
      from pg_attribute a join pg_type t on t.oid = a.atttypid
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
    coalesce((select json_agg(json_build_object('column', a.attname, 'target', k.confrelid::regclass::text, 'isRequired', a.attnotnull) order by k.conname)
      from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[cardinality(k.conkey)]
      where k.conrelid = c.oid and k.contype = 'f' and a.attname <> 'tenant_id'), '[]') as "foreignKeys"
  from pg_class c
  where c.relkind in ('r', 'p') and not c.relispartition
    and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema|graphile_|private$|staging$)'
    and exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped)
  order by 1`;
