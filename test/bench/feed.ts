import pg from "pg";
import { type Figure, count, median, timed } from "./measure.ts";
import type { BenchStack } from "./stack.ts";

const rows = 100_000;

/** One way to write; each makes what the next one needs. */
interface Writing {
  readonly what: string;
  readonly table: string;
  readonly isGoal: boolean;
  /** Statements that are timed together, each in a transaction of its own. */
  readonly statements: readonly string[];
}

const contacts = (n: number) =>
  `insert into crm.contacts (first_name, last_name, title) select 'Ada', 'Lovelace ' || n, 'Dr' from generate_series(1, ${n}) n`;
const entries = (n: number) =>
  `insert into lists.list_entries (list_id, full_name, email) select current_setting('bench.list')::uuid, 'Ada Lovelace', 'ada' || n || '@example.test' from generate_series(1, ${n}) n`;
const repeat = (n: number, statement: (n: number) => string) =>
  Array.from({ length: n }, (_, index) => statement(index));
/** A change of one of `of` parts of equal size of the rows. */
const part = (table: string, set: string, n: number, of: number) =>
  `update ${table} set ${set} where tenant_id = current_setting('jwt.claims.tenant_id')::uuid and id in
   (select id from public.bench_parts where part > ${(n * rows) / of} and part <= ${((n + 1) * rows) / of})`;

const writings: readonly Writing[] = [
  { what: "100,000 contacts, one insert", table: "crm.contacts", isGoal: true, statements: [contacts(rows)] },
  {
    what: "100,000 contacts, one update",
    table: "crm.contacts",
    isGoal: true,
    statements: [part("crm.contacts", "title = 'Prof ' || current_setting('bench.run')", 0, 1)],
  },
  {
    what: "100,000 contacts, updates of 1,000",
    table: "crm.contacts",
    isGoal: true,
    statements: repeat(100, (n) => part("crm.contacts", "title = 'Rev ' || current_setting('bench.run')", n, 100)),
  },
  {
    what: "100,000 contacts, inserts of 1,000",
    table: "crm.contacts",
    isGoal: true,
    statements: repeat(100, () => contacts(1000)),
  },
  {
    what: "100,000 list entries, inserts of 1,000",
    table: "lists.list_entries",
    isGoal: true,
    statements: repeat(100, () => entries(1000)),
  },
  {
    what: "100,000 list entries, updates of 500",
    table: "lists.list_entries",
    isGoal: true,
    statements: repeat(200, (n) =>
      part(
        "lists.list_entries",
        "enrichment_status = 'enriched', score = current_setting('bench.run')::float8",
        n,
        200,
      ),
    ),
  },
  {
    what: "2,000 contacts, one by one",
    table: "crm.contacts",
    isGoal: false,
    statements: repeat(2000, () => contacts(1)),
  },
  {
    what: "2,000 contacts, updated one by one",
    table: "crm.contacts",
    isGoal: false,
    statements: repeat(2000, (n) => part("crm.contacts", "title = 'Sir ' || current_setting('bench.run')", n, 100_000)),
  },
];

/** What it costs to write with the feed on: the same statements with the feed's triggers on and off, in turn. */
export async function benchFeed(
  { admin, serverUrl }: Pick<BenchStack, "admin" | "serverUrl">,
  rounds = 2,
): Promise<Figure[]> {
  const writer = new pg.Client({ connectionString: serverUrl });
  await writer.connect();
  writer.on("error", () => {});
  const { rows: made } = await admin.query<{ id: string }>(
    "select private.create_tenant('Bench feed', 'bench-feed') as id",
  );
  const tenantId = made[0]!.id;
  const list = await admin.query<{ id: string }>(
    "insert into lists.lists (tenant_id, name) values ($1, 'Bench') returning id",
    [tenantId],
  );
  await admin.query(
    `create table if not exists public.bench_parts (part integer primary key, id uuid not null);
     grant usage on schema public to rowhouse_system; grant select on public.bench_parts to rowhouse_system`,
  );
  await writer.query("set role rowhouse_system");
  await writer.query("select set_config('jwt.claims.tenant_id', $1, false), set_config('bench.list', $2, false)", [
    tenantId,
    list.rows[0]!.id,
  ]);
  const figures: Figure[] = [];
  try {
    for (const writing of writings) {
      const times: Record<"on" | "off", number[]> = { on: [], off: [] };
      let run = 0;
      const isUpdate = writing.statements[0]!.startsWith("update");
      for (let round = 0; round < rounds; round++) {
        // In turn, and the other way round the next time: what drifts hits both alike.
        for (const feed of round % 2 ? (["on", "off"] as const) : (["off", "on"] as const)) {
          if (run === 0 || !isUpdate) await prepare(admin, writer, tenantId, writing.table, isUpdate);
          await admin.query(`vacuum ${writing.table}`);
          await writer.query("select set_config('bench.run', $1, false)", [String(run++)]);
          await switchFeed(admin, writing.table, feed === "on");
          const { seconds } = await timed(async () => {
            for (const statement of writing.statements) await writer.query(statement);
          });
          times[feed].push(seconds);
        }
      }
      figures.push(figure(writing, times));
    }
  } finally {
    for (const table of ["crm.contacts", "lists.list_entries"]) {
      await empty(admin, table, tenantId);
      await switchFeed(admin, table, true);
    }
    await writer.end();
    await admin.query("drop table public.bench_parts; revoke usage on schema public from rowhouse_system");
  }
  return figures;
}

/** The table without rows of the tenant, or with 100,000 to be updated. */
async function prepare(
  admin: pg.Client,
  writer: pg.Client,
  tenantId: string,
  table: string,
  isUpdate: boolean,
): Promise<void> {
  await switchFeed(admin, table, false);
  await empty(admin, table, tenantId);
  if (isUpdate) {
    await writer.query(table === "crm.contacts" ? contacts(rows) : entries(rows));
    await admin.query(
      `truncate public.bench_parts; insert into public.bench_parts
       select row_number() over (order by id), id from ${table} where tenant_id = '${tenantId}'; analyze public.bench_parts`,
    );
  }
  await admin.query(`analyze ${table}`);
}

/** Removes the rows of the tenant without any trigger. */
async function empty(admin: pg.Client, table: string, tenantId: string): Promise<void> {
  await admin.query("set session_replication_role = replica");
  await admin.query(`delete from ${table} where tenant_id = $1`, [tenantId]);
  await admin.query("set session_replication_role = origin");
}

async function switchFeed(admin: pg.Client, table: string, isOn: boolean): Promise<void> {
  for (const event of ["insert", "update", "delete"])
    await admin.query(`alter table ${table} ${isOn ? "enable" : "disable"} trigger _800_feed_on_${event}`);
}

function figure({ what, isGoal, statements }: Writing, times: Record<"on" | "off", number[]>): Figure {
  const [on, off] = [median(times.on), median(times.off)];
  const ratio = on / off;
  const each = (seconds: number) =>
    statements.length > 1000
      ? `${((seconds / statements.length) * 1e6).toFixed(0)} µs each`
      : `${count(rows / seconds)} rows/s`;
  return {
    what: `feed, ${what}`,
    measured: each(on),
    comparedWith: `without the feed: ${each(off)}`,
    ratio: ratio.toFixed(2),
    goal: isGoal ? "at most 1.15" : "for information",
    isMet: !isGoal || ratio <= 1.15,
  };
}
