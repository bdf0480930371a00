import { escapeIdentifier as quoted, type ClientBase } from "pg";

/** Columns that triggers or tasks keep, with the view that counts them anew. */
export interface Counter {
  /** Qualified table, such as `lists.lists`. */
  readonly table: string;
  readonly view: string;
  readonly key: readonly string[];
  /** Those of the key that can be null. */
  readonly nullable: readonly string[];
  readonly columns: readonly string[];
  /** Which rows of the table are compared; all when empty. */
  readonly condition: string | null;
}

/** A counter that is not what it must be. */
export interface CounterDifference {
  readonly counter: Counter;
  /** The key of the row by column. */
  readonly row: Readonly<Record<string, unknown>>;
  readonly column: string;
  readonly stored: string;
  readonly actual: string;
}

const readCounters = `
  select v.*, array(select attname::text from pg_attribute
    where attrelid = v."table"::regclass and attname = any (v.key) and not attnotnull) as nullable
  from (
    select (regexp_match(d, '@recounts (\\S+)'))[1] as "table", c.oid::regclass::text as view,
      string_to_array((regexp_match(d, '@key (\\S+)'))[1], ',') as key,
      string_to_array((regexp_match(d, '@columns (\\S+)'))[1], ',') as columns,
      (regexp_match(d, '@when ([^\\n]+)'))[1] as condition
    from pg_class c, obj_description(c.oid, 'pg_class') d
    where c.relkind = 'v' and c.relnamespace = 'private'::regnamespace and d ~ '^@recounts '
  ) v
  order by 1, 2`;

/** Every counter of the database: ddl.recount() made a view for each. */
export async function findCounters(client: ClientBase): Promise<Counter[]> {
  return (await client.query<Counter>(readCounters)).rows;
}

/** Compares a counter with what it counts, for the tenant of the transaction. */
export async function compareCounter(client: ClientBase, counter: Counter): Promise<CounterDifference[]> {
  const { key, columns } = counter;
  const { rows } = await client.query<{ row: Record<string, unknown>; stored: string[]; actual: string[] }>(
    `select jsonb_build_object(${key.map((name) => `'${name}', ${quoted(name)}`).join(", ")}) as row,
       array[${columns.map((_, i) => `stored_${i}::text`).join(", ")}] as stored,
       array[${columns.map((_, i) => `actual_${i}::text`).join(", ")}] as actual
     from (${differences(counter)}) d`,
  );
  return rows.flatMap(({ row, stored, actual }) =>
    columns.flatMap((column, i) =>
      stored[i] === actual[i] ? [] : [{ counter, row, column, stored: stored[i]!, actual: actual[i]! }],
    ),
  );
}

/**
 * Sets a counter to what it must be, for the tenant of the transaction. Rows that differ are held first: whoever counts
 * at this moment is then either done, and seen, or waits, and counts on top of what is set here.
 */
export async function mendCounter(client: ClientBase, counter: Counter): Promise<void> {
  const { table, key, columns } = counter;
  const own = "t.tenant_id = app.tenant_id()";
  await client.query(
    `with d as materialized (${differences(counter)})
     select from ${table} t where ${own} and exists (select from d where ${sameKey(counter)}) order by t.id for no key update`,
  );
  // A total may be spread over rows: the oldest is given all of it.
  const values = columns.map((name, i) => `${quoted(name)} = case when r.is_first then r.actual_${i} else 0 end`);
  await client.query(
    `with d as materialized (${differences(counter)}), ranked as (
       select t.id as row_id, row_number() over (partition by ${key.map((name) => `t.${quoted(name)}`).join(", ")} order by t.id) = 1 as is_first,
         ${columns.map((_, i) => `d.actual_${i}`).join(", ")}
       from ${table} t join d on ${sameKey(counter)} where ${own}
     )
     update ${table} t set ${values.join(", ")} from ranked r where ${own} and t.id = r.row_id`,
  );
  if (key.includes("id")) return;
  await client.query(
    `insert into ${table} (${[...key, ...columns].map(quoted).join(", ")})
     select ${[...key.map(quoted), ...columns.map((_, i) => `actual_${i}`)].join(", ")} from (${differences(counter)}) d
     where not exists (select from ${table} t where ${own} and ${sameKey(counter)})
     on conflict do nothing`,
  );
}

/** The rows of which a counter differs: its key; stored_i and actual_i for the i-th column. A row that is missing is 0. */
function differences({ table, view, key, columns, condition }: Counter): string {
  const keys = key.map(quoted).join(", ");
  const side = (source: string, stored: string, actual: string) =>
    `select ${keys}, ${columns
      .map((name, i) => `${stored || quoted(name)}::bigint as s_${i}, ${actual || quoted(name)}::bigint as a_${i}`)
      .join(", ")} from ${source} where tenant_id = app.tenant_id()`;
  return `
    select ${keys}, ${columns.map((_, i) => `sum(s_${i}) as stored_${i}, sum(a_${i})::bigint as actual_${i}`).join(", ")}
    from (${side(table, "", "0")} and ${condition ?? "true"} union all ${side(view, "0", "")}) both_sides
    group by ${keys} having ${columns.map((_, i) => `sum(s_${i}) <> sum(a_${i})`).join(" or ")}`;
}

/** Joins the rows `t` of the table with the differences `d`. */
function sameKey({ key, nullable }: Counter): string {
  return key
    .map((name) => `t.${quoted(name)} ${nullable.includes(name) ? "is not distinct from" : "="} d.${quoted(name)}`)
    .join(" and ");
}
