import type { createWithPgClient } from "postgraphile/adaptors/pg";

type WithPgClient = Awaited<ReturnType<typeof createWithPgClient>>;
type PgClient = Parameters<Parameters<WithPgClient>[1]>[0];
type PgQuery = Parameters<PgClient["query"]>[0];

/** What stands in for tables and functions in the sessions of masked viewers: names such as `crm_contacts`. */
export type StandIns = ReadonlySet<string>;

/** Statements whose masked form is remembered. */
const remembered = 2_000;

/** Reads which stand-ins the database has; masked viewers may ask. */
export async function readStandIns(client: PgClient): Promise<StandIns> {
  const text = "select proname from pg_catalog.pg_proc where pronamespace = 'masked'::regnamespace";
  const { rows } = await client.query<{ proname: string }>({ text });
  return new Set(rows.map(({ proname }) => proname));
}

/**
 * The statement that masked viewers run instead: it names the stand-ins. That is a convenience, not the wall: their role
 * may not read what the stand-ins hide, so a statement that is missed here is refused by PostgreSQL.
 */
export function readMasked(text: string, standIns: StandIns): string {
  const tables = new Map<string, string>();
  const masked = text.replace(
    /(?<!::)"([a-z_]+)"\."([a-z0-9_]+)"(\()?( as (\w+))?/g,
    (whole, schema: string, name: string, call: string | undefined, as: string | undefined, alias: string) => {
      const standIn = `${schema}_${name}`;
      if (!standIns.has(standIn)) return whole;
      if (call) return `"masked"."${standIn}"(`;
      if (as) tables.set(alias, `"${schema}"."${name}"`);
      return `"masked"."${standIn}"()${as ?? ""}`;
    },
  );
  // A stand-in has no system columns; the version of a row is no secret, and is read from the row itself.
  return masked.replace(/(\w+)\.xmin\b/g, (whole, alias: string) => {
    const table = tables.get(alias);
    if (table === undefined) return whole;
    return `(select v.xmin from ${table} v where v.tenant_id = ${alias}.tenant_id and v.id = ${alias}.id)`;
  });
}

/** Remembers the masked forms of statements. */
export function createMaskedForms(): (text: string, standIns: StandIns) => string {
  const forms = new Map<string, string>();
  return (text, standIns) => {
    let form = forms.get(text);
    if (form === undefined) {
      if (forms.size >= remembered) forms.clear();
      forms.set(text, (form = readMasked(text, standIns)));
    }
    return form;
  };
}

/** A connection whose statements are masked. */
export function maskedClient(client: PgClient, form: (text: string) => string): PgClient {
  return {
    ...client,
    query: ((query: PgQuery) => client.query({ ...query, text: form(query.text) })) as PgClient["query"],
    withTransaction: (callback) => client.withTransaction((inner) => callback(maskedClient(inner, form))),
  };
}
