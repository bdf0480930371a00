import type { Pool } from "pg";

/** What the statements of a document read. */
export interface ReadTables {
  /** Tables whose feed tells when the answer may be another, by the names that events have for them. */
  readonly fed: ReadonlySet<string>;
  /** Tables that no feed tells of, with their schemas. */
  readonly unfed: readonly string[];
}

/** Knows which tables stand behind a statement, through views and functions. */
export interface TableCatalog {
  tablesOf(statement: string): ReadTables;
}

interface Entry {
  readonly name: string;
  readonly kind: "table" | "view" | "function";
  readonly is_fed: boolean;
  /** What a view or function does. */
  readonly source: string | null;
  /** Of a view that counts the columns of a table anew: the table. */
  readonly recounts: string | null;
}

// What we write names everything with its schema, so that the text of a statement, view or function tells what it reads.
const sql = `
  select n.nspname || '.' || c.relname as name, case when c.relkind in ('v', 'm') then 'view' else 'table' end as kind,
    exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname ~ '_feed_on_(insert|update|delete)$') as is_fed,
    case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end as source,
    case when c.relkind = 'v' then substring(obj_description(c.oid) from '^@recounts (\\S+)') end as recounts
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname not like 'pg_temp%'
  union all
  select n.nspname || '.' || p.proname, 'function', false, string_agg(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), ' '), null
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
  where l.lanname in ('sql', 'plpgsql') and p.prorettype <> 'trigger'::regtype and n.nspname not in ('pg_catalog', 'information_schema')
  group by 1`;

const names = /(?:"([^"]+)"|\b([a-z_]\w*))\s*\.\s*(?:"([^"]+)"|([a-z_]\w*))/gi;

/** The tenant's own settings, such as its time zone: read at each run, but nothing that anybody waits for. */
const settled = new Set(["iam.tenants"]);
const rememberedMax = 2_000;

/** Reads what there is once; the schema does not change while a server runs. */
export async function readTableCatalog(pool: Pool): Promise<TableCatalog> {
  const { rows } = await pool.query<Entry>(sql);
  const entries = new Map(rows.map((entry) => [entry.name, entry]));
  const counters = new Map<string, string[]>();
  for (const { name, recounts } of rows) {
    if (recounts !== null) counters.set(recounts, [...(counters.get(recounts) ?? []), name]);
  }

  const namesIn = (text: string): Entry[] =>
    [...text.matchAll(names)].flatMap(([, quotedSchema, schema, quoted, plain]) => {
      const entry = entries.get(`${quotedSchema ?? schema!.toLowerCase()}.${quoted ?? plain!.toLowerCase()}`);
      return entry === undefined ? [] : [entry];
    });

  const collect = (entry: Entry, fed: Set<string>, unfed: Set<string>, seen: Set<string>): void => {
    if (seen.has(entry.name) || settled.has(entry.name)) return;
    seen.add(entry.name);
    if (entry.kind !== "table") {
      for (const inner of namesIn(entry.source ?? "")) collect(inner, fed, unfed, seen);
      return;
    }
    // A column that counts other rows changes with them, and that is no event of its own.
    const counted = counters.get(entry.name) ?? [];
    for (const view of counted) collect(entries.get(view)!, fed, unfed, seen);
    if (entry.is_fed) fed.add(entry.name.slice(entry.name.indexOf(".") + 1));
    else if (counted.length === 0) unfed.add(entry.name);
  };

  const known = new Map<string, ReadTables>();
  return {
    tablesOf(statement) {
      let found = known.get(statement);
      if (found !== undefined) return found;
      const fed = new Set<string>();
      const unfed = new Set<string>();
      const seen = new Set<string>();
      for (const entry of namesIn(statement)) collect(entry, fed, unfed, seen);
      found = { fed, unfed: [...unfed] };
      if (known.size >= rememberedMax) known.delete(known.keys().next().value!);
      known.set(statement, found);
      return found;
    },
  };
}
