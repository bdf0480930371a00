import type { Pool } from "pg";

/** A schema of ours, and what its comment says. */
export interface SchemaFacts {
  readonly name: string;
  readonly comment: string | null;
}

/** A closed list of values. */
export interface EnumFacts {
  readonly name: string;
  readonly comment: string;
}

/** A reference of a table to another one; `columns` without the tenant. */
export interface ReferenceFacts {
  readonly columns: readonly string[];
  readonly targetSchema: string;
  readonly target: string;
  readonly isRequired: boolean;
  /** At most one row refers to a target. */
  readonly isUnique: boolean;
  readonly onDelete: string;
}

/** A function that an API role may call. */
export interface FunctionFacts {
  readonly schema: string;
  readonly signature: string;
  readonly returns: string;
  readonly comment: string | null;
  readonly roles: readonly string[];
}

/** A table or view as the system catalogue has it; definitions are SQL. */
export interface TableFacts {
  readonly schema: string;
  readonly name: string;
  readonly isView: boolean;
  readonly comment: string | null;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly isRequired: boolean;
    readonly fallback: string | null;
    readonly comment: string | null;
  }[];
  readonly references: readonly ReferenceFacts[];
  readonly constraints: readonly { readonly name: string; readonly definition: string }[];
  readonly indexes: readonly { readonly name: string; readonly definition: string; readonly comment: string | null }[];
  readonly policies: readonly {
    readonly name: string;
    readonly isRestrictive: boolean;
    readonly command: string;
    readonly roles: readonly string[];
    readonly reads: string | null;
    readonly writes: string | null;
  }[];
  readonly grants: readonly {
    readonly role: string;
    readonly verb: string;
    readonly columns: readonly string[] | null;
  }[];
  readonly triggers: readonly { readonly name: string; readonly definition: string }[];
}

/** What the catalogue says of our schemas. */
export interface Catalogue {
  readonly schemas: readonly SchemaFacts[];
  readonly enums: readonly EnumFacts[];
  readonly tables: readonly TableFacts[];
  readonly functions: readonly FunctionFacts[];
}

/** Reads the catalogue of a migrated database; in alphabetical order, columns in their own. */
export async function readCatalogue(db: Pick<Pool, "query">): Promise<Catalogue> {
  const schemas = await db.query<SchemaFacts>(`
    select nspname as name, obj_description(oid, 'pg_namespace') as comment from pg_namespace
    where nspname in (${ours}) order by 1`);
  const enums = await db.query<EnumFacts>(`
    select format('%s.%s', typnamespace::regnamespace, typname) as name, obj_description(oid, 'pg_type') as comment
    from pg_type where typtype = 'd' and typnamespace::regnamespace::text in (${ours})
      and obj_description(oid, 'pg_type') like '@enum %' order by 1`);
  const tables = await db.query<TableFacts>(tablesQuery);
  const functions = await db.query<FunctionFacts>(functionsQuery);
  return { schemas: schemas.rows, enums: enums.rows, tables: tables.rows, functions: functions.rows };
}

const ours = "select unnest(ddl.own_schemas())";
const list = (columns: string, from: string, order: string) =>
  `coalesce((select json_agg(json_build_object(${columns}) order by ${order}) from ${from}), '[]')`;

const tablesQuery = `
  select c.relnamespace::regnamespace::text as schema, c.relname as name, c.relkind = 'v' as "isView", obj_description(c.oid, 'pg_class') as comment,
    ${list(
      `'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'isRequired', a.attnotnull,
       'fallback', pg_get_expr(d.adbin, d.adrelid), 'comment', col_description(a.attrelid, a.attnum)`,
      `pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped`,
      "a.attnum",
    )} as columns,
    ${list(
      `'columns', r.columns, 'targetSchema', r.schema, 'target', r.target, 'isRequired', r.required, 'isUnique', r.is_unique, 'onDelete', r.on_delete`,
      `(select array_remove(array_agg(a.attname::text order by o.n), 'tenant_id') as columns, t.relnamespace::regnamespace::text as schema, t.relname as target,
          bool_and(a.attnotnull) as required,
          exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indkey::int2[] <@ k.conkey) as is_unique,
          case k.confdeltype when 'c' then 'cascade' when 'n' then 'set null' when 'r' then 'restrict' else 'no action' end as on_delete, k.conname
        from pg_constraint k join pg_class t on t.oid = k.confrelid
        cross join lateral unnest(k.conkey) with ordinality o (attnum, n)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = o.attnum
        where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0 group by k.oid, t.oid, k.conkey, k.confdeltype, k.conname) r`,
      "r.conname",
    )} as "references",
    ${list(
      `'name', k.conname, 'definition', pg_get_constraintdef(k.oid)`,
      `pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'f', 'c', 'x')`,
      `position(k.contype::text in 'pufcx'), k.conname`,
    )} as constraints,
    ${list(
      `'name', x.relname, 'definition', pg_get_indexdef(i.indexrelid), 'comment', obj_description(i.indexrelid, 'pg_class')`,
      `pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid
       and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = c.oid)`,
      "x.relname",
    )} as indexes,
    ${list(
      `'name', p.policyname, 'isRestrictive', p.permissive = 'RESTRICTIVE', 'command', lower(p.cmd),
       'roles', p.roles, 'reads', p.qual, 'writes', p.with_check`,
      `pg_policies p where p.schemaname = c.relnamespace::regnamespace::text and p.tablename = c.relname`,
      `p.permissive = 'RESTRICTIVE' desc, p.policyname`,
    )} as policies,
    ${list(
      `'role', g.role, 'verb', g.verb, 'columns', g.columns`,
      `(select r.grantee::regrole::text as role, lower(r.privilege_type) as verb, null::json as columns
          from aclexplode(c.relacl) r where r.grantee not in (0, c.relowner)
        union all
        select r.grantee::regrole::text, lower(r.privilege_type), json_agg(a.attname order by a.attnum)
          from pg_attribute a cross join lateral aclexplode(a.attacl) r
          where a.attrelid = c.oid and not a.attisdropped and r.grantee not in (0, c.relowner) group by 1, 2) g`,
      "g.role, g.verb, g.columns::text",
    )} as grants,
    ${list(
      `'name', t.tgname, 'definition', pg_get_triggerdef(t.oid)`,
      `pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal`,
      "t.tgname",
    )} as triggers
  from pg_class c
  where c.relkind in ('r', 'p', 'v') and not c.relispartition and c.relnamespace::regnamespace::text in (${ours})
  order by 1, 2`;

const functionsQuery = `
  select p.pronamespace::regnamespace::text as schema, format('%s(%s)', p.proname, pg_get_function_arguments(p.oid)) as signature,
    pg_get_function_result(p.oid) as returns, obj_description(p.oid, 'pg_proc') as comment,
    array(select x.grantee::regrole::text from aclexplode(p.proacl) x where x.grantee::regrole::text ~ 'rowhouse_(anonymous|viewer|member|manager|admin)' order by 1) as roles
  from pg_proc p
  where p.pronamespace::regnamespace::text = any (ddl.domain_schemas())
    and exists (select from aclexplode(p.proacl) x where x.grantee::regrole::text ~ 'rowhouse_(anonymous|viewer|member|manager|admin)')
  order by 1, p.proname`;
