import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { TestDatabase } from "./database.ts";

/** Makes a table whose every change is an event that says which version of its row it made. */
export async function createVersionTable({ admin }: TestDatabase): Promise<void> {
  await admin.query(`begin; set local role rowhouse_owner;
    create table crm.versions (
      tenant_id uuid not null, id uuid not null default uuidv7(), version integer not null default 0,
      created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
      constraint versions_pkey primary key (tenant_id, id));
    select ddl.tenant_table('crm.versions');
    select ddl.feed('crm.versions', p_payload => '{version}'); commit`);
}

/** A tenant of the proof, with the rows that writers change. */
export interface Subjects {
  readonly tenantId: string;
  readonly ids: readonly string[];
}

/** Makes rows for a tenant, silently: only their changes are read. */
export async function createSubjects({ admin }: TestDatabase, tenantId: string, count: number): Promise<Subjects> {
  await admin.query("alter table crm.versions disable trigger _800_feed_on_insert");
  const { rows } = await admin.query<{ id: string }>(
    "insert into crm.versions (tenant_id) select $1 from generate_series(1, $2) returning id",
    [tenantId, count],
  );
  await admin.query("alter table crm.versions enable trigger _800_feed_on_insert");
  return { tenantId, ids: rows.map(({ id }) => id).sort() };
}

/** What a reader saw: which version of which row, in the order in which it saw them. */
export interface Seen {
  readonly id: string;
  readonly version: number;
}

/** A pool on which each transaction is of one tenant. */
export function openTenants(database: TestDatabase, max: number) {
  const pool = new pg.Pool({ connectionString: database.serverUrl, max });
  const begin = async (tenantId: string) => {
    const client = await pool.connect();
    await client.query("begin");
    await client.query(
      "select set_config('role', 'rowhouse_system', true), set_config('jwt.claims.tenant_id', $1, true)",
      [tenantId],
    );
    return client;
  };
  const inTenant = async <R extends pg.QueryResultRow>(tenantId: string, sql: string, values: unknown[] = []) => {
    const client = await begin(tenantId);
    try {
      return (await client.query<R>(sql, values)).rows;
    } finally {
      await client.query("commit");
      client.release();
    }
  };
  return { begin, inTenant, end: () => pool.end() };
}

/** What opens transactions of tenants. */
export type Tenants = ReturnType<typeof openTenants>;

/**
 * Changes rows until enough changes have committed: transactions of one to twenty changes, most at once, some with pauses
 * in the middle or before they commit, some rolled back, in part or altogether.
 */
export async function write(
  tenants: Tenants,
  all: readonly Subjects[],
  random: () => number,
  isEnough: () => boolean,
  count: (changes: number) => void,
): Promise<void> {
  const pause = async () => {
    if (random() < 0.1) await sleep(random() * 80);
  };
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!;
  while (!isEnough()) {
    const { tenantId, ids } = pick(all);
    const size = 1 + Math.floor(random() ** 2 * 20);
    // In one order, so that writers do not wait for each other in a circle.
    const chosen = Array.from({ length: size }, () => pick(ids)).sort();
    const client = await tenants.begin(tenantId);
    let changes = 0;
    try {
      for (const id of chosen) {
        const isUndone = random() < 0.05;
        if (isUndone) await client.query("savepoint before");
        await client.query("update crm.versions set version = version + 1 where id = $1", [id]);
        if (isUndone) await client.query("rollback to savepoint before");
        else changes++;
      }
      await pause();
      const isKept = random() > 0.15;
      await client.query(isKept ? "commit" : "rollback");
      if (isKept) count(changes);
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  }
}

/**
 * Follows the feed of a tenant until there is nothing new after the writers have ended. Dies now and then, and goes on
 * from a cursor that it had written down, without what it had seen after that.
 */
export async function follow(
  tenants: Tenants,
  tenantId: string,
  random: () => number,
  isOver: () => boolean,
): Promise<Seen[]> {
  const pages: { cursor: string; seen: Seen[] }[] = [
    {
      cursor: (await tenants.inTenant<{ head: string }>(tenantId, "select events.cursor_of(0) as head"))[0]!.head,
      seen: [],
    },
  ];
  for (;;) {
    const wasOver = isOver();
    const first = 1 + Math.floor(random() * 80);
    const [page] = await tenants.inTenant<{ cursor: string; nodes: Seen[] }>(
      tenantId,
      `select p.cursor, (select coalesce(json_agg(json_build_object('id', n.subject_id, 'version', n.payload -> 'version')), '[]')
         from unnest(p.nodes) n) as nodes
       from events.feed_page($1, '{version.*}', '{}', $2) p`,
      [pages.at(-1)!.cursor, first],
    );
    if (wasOver && page!.nodes.length === 0) return pages.flatMap(({ seen }) => seen);
    pages.push({ cursor: page!.cursor, seen: page!.nodes });
    if (random() < 0.05) pages.length = Math.max(1, pages.length - Math.floor(random() * 10));
    await sleep(random() * 8);
  }
}

/** Follows the feed by position alone, without a horizon. */
export async function followNaively(tenants: Tenants, tenantId: string, isOver: () => boolean): Promise<Seen[]> {
  const seen: Seen[] = [];
  let position = "0";
  for (;;) {
    const wasOver = isOver();
    const rows = await tenants.inTenant<Seen & { position: string }>(
      tenantId,
      `select position, subject_id as id, (payload ->> 'version')::int as version from events.events
       where position > $1 and type like 'version.%' order by position limit 100`,
      [position],
    );
    if (wasOver && rows.length === 0) return seen;
    seen.push(...rows);
    position = rows.at(-1)?.position ?? position;
    await sleep(2);
  }
}

/** Which rows somebody did not see become 1, 2, 3 and so on up to what they are: all changes, once each, in order. */
export function wronglySeen(seen: readonly Seen[], versions: ReadonlyMap<string, number>): string[] {
  const last = new Map<string, number>();
  const wrong = new Set<string>();
  for (const { id, version } of seen) {
    if (version !== (last.get(id) ?? 0) + 1) wrong.add(id);
    last.set(id, version);
  }
  for (const [id, version] of versions) if ((last.get(id) ?? 0) !== version) wrong.add(id);
  return [...wrong];
}
