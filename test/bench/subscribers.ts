import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { projectDir } from "../../lib/config.ts";
import { createAccessTokens } from "../../server/auth/access-tokens.ts";
import type { Order, Report } from "./event-subscribers.ts";
import { count, type Figure } from "./measure.ts";
import { residentMemory, type BenchStack } from "./stack.ts";

/** What is asked of a stack. */
export type SubscribersStack = Pick<BenchStack, "admin" | "adminUrl" | "config" | "env">;

/** How much is done. */
export interface SubscribersOptions {
  readonly subscribers?: number;
  readonly tenants?: number;
  readonly eventsPerSecond?: number;
  readonly seconds?: number;
}

const medianMaxMs = 250;

/**
 * Subscribers of the feed of many tenants on one server process, in a process of their own: how long an event takes from
 * the beginning of its transaction to the client, what memory a subscriber takes, and whether a restart of the server
 * loses or repeats any.
 */
export async function benchSubscribers(stack: SubscribersStack, options: SubscribersOptions = {}): Promise<Figure[]> {
  const { subscribers = 5_000, tenants: tenantCount = 100, eventsPerSecond = 100, seconds = 30 } = options;
  const each = Math.round(subscribers / tenantCount);
  const port = await freePort();
  const clients = fork(join(import.meta.dirname, "event-subscribers.ts"));
  let server = await startServer(stack, port);
  const writer = new pg.Client({ connectionString: stack.adminUrl });
  await writer.connect();
  try {
    const { ids, tenants } = await makeTenants(stack, tenantCount);
    const after = await headOf(stack);
    const write = (forSeconds: number) => writeEvents(writer, ids, eventsPerSecond, forSeconds);
    await ask(clients, {
      type: "open",
      url: `ws://127.0.0.1:${port}/graphql`,
      each: 1,
      tenants: tenants.map((token) => ({ token, after })),
    });
    await write(3);
    const before = residentMemory(server.pid!);
    const orders = tenants.map((token) => ({ token, after }));
    await ask(clients, { type: "open", url: `ws://127.0.0.1:${port}/graphql`, each: each - 1, tenants: orders });
    await write(3);
    await caughtUp(stack, clients, ids, after, each);
    const perSubscriberKiB = ((residentMemory(server.pid!) - before) * 1024) / (subscribers - tenantCount);
    await ask(clients, { type: "reset" });
    const busy = cpuSeconds(server.pid!);
    await write(seconds);
    await sleep(1_000);
    const steady = (await ask(clients, { type: "report" })) as Report;
    const cpu = (cpuSeconds(server.pid!) - busy) / (seconds + 1);

    const writing = write(12);
    await sleep(3_000);
    server.kill("SIGTERM");
    await once(server, "exit");
    server = await startServer(stack, port);
    const up = performance.now();
    const delivered = await caughtUp(stack, clients, ids, after, each, writing);
    const { medianMs, p99Ms } = { medianMs: steady.latencyMs.median, p99Ms: steady.latencyMs.p99 };
    const scale = `${count(subscribers)} subscribers of ${tenantCount} tenants, ${eventsPerSecond} events a second`;
    return [
      {
        what: `events to WebSocket subscribers, median: ${scale}`,
        measured: `${medianMs.toFixed(0)} ms (p99 ${p99Ms.toFixed(0)} ms), ${count(steady.events / seconds)} deliveries a second with ${Math.round(cpu * 100)} % of a core`,
        comparedWith: `${medianMaxMs} ms`,
        ratio: (medianMs / medianMaxMs).toFixed(2),
        goal: "at most 1.00",
        isMet: medianMs <= medianMaxMs,
      },
      {
        what: "memory of a subscriber, resident",
        measured: `${perSubscriberKiB.toFixed(0)} KiB`,
        comparedWith: "—",
        ratio: "—",
        goal: "for information",
        isMet: true,
      },
      {
        what: "events lost or repeated over a restart of the server, under the same load",
        measured: `${delivered.missing + delivered.disorders} of ${count(delivered.events)}, ${((delivered.at - up) / 1000).toFixed(1)} s from its start until all had everything`,
        comparedWith: "0",
        ratio: "—",
        goal: "0",
        isMet: delivered.missing + delivered.disorders === 0,
      },
    ];
  } finally {
    clients.disconnect();
    server.kill("SIGTERM");
    await once(server, "exit");
    await writer.end();
  }
}

async function makeTenants({ admin, config }: SubscribersStack, tenantCount: number) {
  const { rows } = await admin.query<{ id: string; actor: string }>(
    `with t as (select private.create_tenant('Events ' || n, 'events-' || n) as id from generate_series(1, $1) n) select id from t`,
    [tenantCount],
  );
  const ids = rows.map(({ id }) => id);
  const actors = await admin.query<{ tenant_id: string; id: string }>(
    "select distinct on (tenant_id) tenant_id, id from iam.actors where tenant_id = any ($1)",
    [ids],
  );
  const actorOf = new Map(actors.rows.map((row) => [row.tenant_id, row.id]));
  const sign = createAccessTokens(config).sign;
  const tenants = ids.map(
    (tenantId) => sign({ tenantId, userId: tenantId, actorId: actorOf.get(tenantId)!, role: "viewer" }, 120).token,
  );
  return { ids, tenants };
}

async function headOf({ admin }: SubscribersStack): Promise<string> {
  const sql = "select events.cursor_of(coalesce(pg_sequence_last_value('events.positions'::regclass), 0)) as cursor";
  return (await admin.query<{ cursor: string }>(sql)).rows[0]!.cursor;
}

/** One transaction at a time, each of a tenant by turns, evenly over the time. */
async function writeEvents(
  writer: pg.Client,
  ids: readonly string[],
  perSecond: number,
  seconds: number,
): Promise<void> {
  const start = performance.now();
  for (let n = 0; n < perSecond * seconds; n++) {
    const rest = start + (n * 1000) / perSecond - performance.now();
    if (rest > 1) await sleep(rest);
    await writer.query(`begin; select set_config('jwt.claims.tenant_id', '${ids[n % ids.length]}', true);
      insert into crm.contacts (first_name) values ('x'); commit`);
  }
}

/** Waits until every subscriber has all events, or nothing has come for a while; tells what is missing. */
async function caughtUp(
  stack: SubscribersStack,
  clients: ChildProcess,
  ids: string[],
  after: string,
  each: number,
  writing: Promise<void> = Promise.resolve(),
) {
  await writing;
  for (let patience = 60; ; patience--) {
    const { rows } = await stack.admin.query<{ tenant_id: string; n: number; last: string }>(
      `select tenant_id, count(*)::int as n, events.cursor_of(max(position)) as last from events.events
       where tenant_id = any ($1) and position > events.position_of($2) group by 1`,
      [ids, after],
    );
    const wanted = new Map(rows.map((row) => [row.tenant_id, row.n]));
    const report = (await ask(clients, { type: "report" })) as Report;
    // The first of each tenant stand before all others.
    const tenantOf = (index: number) =>
      ids[index < ids.length ? index : Math.floor((index - ids.length) / (each - 1))]!;
    const missing = report.counts.reduce((sum, n, index) => sum + Math.abs((wanted.get(tenantOf(index)) ?? 0) - n), 0);
    const events = report.counts.reduce((sum, n) => sum + n, 0);
    if (missing === 0 || patience === 0) return { missing, events, disorders: report.disorders, at: performance.now() };
    await sleep(500);
  }
}

async function ask(clients: ChildProcess, order: Order): Promise<Report | object> {
  clients.send(order);
  const [answer] = (await once(clients, "message")) as [Report | object];
  return answer;
}

async function startServer({ env }: SubscribersStack, port: number): Promise<ChildProcess> {
  const server = fork(join(projectDir, "server/main.ts"), { env: { ...env, PORT: String(port) } });
  await once(server, "message");
  return server;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Seconds that a process has computed, of all its threads (Linux). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
