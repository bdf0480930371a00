import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { createMetrics } from "../../lib/metrics.ts";
import { startWorker, type WorkerApp } from "../../worker/app.ts";
import type { Consumer } from "../../worker/feed/define-consumer.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTakenTable, startFeedWorkerProcess, takeDown } from "../support/feed-worker.ts";
import { createTenant, testConfig } from "../support/jobs.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let tenants: string[];
const workers: WorkerApp[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  await createTakenTable(database);
});
beforeEach(async () => {
  await database.admin.query("delete from public.served; delete from public.taken; delete from private.feed_consumers");
  tenants = [];
  for (let n = 0; n < 2; n++) tenants.push((await createTenant(database)).tenantId);
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});
afterAll(() => database.drop());

const log = pino({ level: "silent" });

async function start(consumers: Consumer[], metrics = createMetrics("worker")): Promise<WorkerApp> {
  const options = { databaseUrl: database.workerUrl, config: testConfig(), log, metrics, tasks: [], crontab: [] };
  const worker = await startWorker({ ...options, consumers });
  workers.push(worker);
  return worker;
}

const serve = (tenantId: string) =>
  database.admin.query("insert into public.served (tenant_id, since) values ($1, now())", [tenantId]);

/** Makes contacts, each in a transaction of its own. */
async function makeContacts(tenantId: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const make = "insert into crm.contacts (first_name) values ('Ada')";
    await asTenant(database, { tenantId }, (client) => client.query(make), { commit: true });
  }
}

const taken = async (tenantId: string) =>
  (
    await database.admin.query<{ event_id: string; type: string }>(
      "select event_id, type from public.taken where tenant_id = $1 order by number",
      [tenantId],
    )
  ).rows;

const untilTaken = (tenantId: string, count: number) =>
  until(`${count} events are taken`, async () => (await taken(tenantId)).length >= count);

/** The events of a tenant since it is served, in the order of the feed. */
const written = async (tenantId: string) =>
  (
    await database.admin.query<{ event_id: string; type: string }>(
      `select id as event_id, type from events.events where tenant_id = $1
       and id >= app.uuid_at((select since from public.served where tenant_id = $1)) order by position`,
      [tenantId],
    )
  ).rows;

test("a consumer takes each event since it is wanted once and in order, also what came before the worker did", async () => {
  await makeContacts(tenants[0]!, 3);
  await serve(tenants[0]!);
  await makeContacts(tenants[0]!, 30);
  const metrics = createMetrics("worker");
  await start([takeDown("plain")], metrics);
  await untilTaken(tenants[0]!, 30);
  await makeContacts(tenants[0]!, 5);
  // What was written in the millisecond of the time itself counts, too.
  const all = await written(tenants[0]!);
  await untilTaken(tenants[0]!, all.length);
  expect(await taken(tenants[0]!)).toEqual(all);
  expect(await taken(tenants[1]!)).toEqual([]);
  await until("it is counted", async () =>
    (await metrics.metrics()).includes(`rowhouse_feed_events_total{consumer="plain",process="worker"} ${all.length}\n`),
  );
});

test("a worker that is stopped leaves what it has not taken to the next one", async () => {
  await serve(tenants[0]!);
  const worker = await start([takeDown("plain", 5)]);
  await makeContacts(tenants[0]!, 60);
  await untilTaken(tenants[0]!, 20);
  await worker.stop();
  expect((await taken(tenants[0]!)).length).toBeLessThan(60);
  await start([takeDown("plain")]);
  await untilTaken(tenants[0]!, 60);
  expect(await taken(tenants[0]!)).toEqual(await written(tenants[0]!));
});

test("workers that are killed in the middle lose nothing and take nothing twice", async () => {
  for (const tenant of tenants) await serve(tenant);
  for (const tenant of tenants) await makeContacts(tenant, 150);
  for (let n = 1; n <= 3; n++) {
    const child = await startFeedWorkerProcess(database.workerUrl);
    const exited = once(child, "exit");
    try {
      await untilTaken(tenants[0]!, n * 40);
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
  }
  await start([takeDown("slow")]);
  for (const tenant of tenants) {
    await untilTaken(tenant, 150);
    expect(await taken(tenant)).toEqual(await written(tenant));
  }
});

test("two workers share the tenants, and take each event once", async () => {
  for (const tenant of tenants) await serve(tenant);
  await Promise.all([start([takeDown("shared", 1)]), start([takeDown("shared", 1)])]);
  await Promise.all(tenants.map((tenant) => makeContacts(tenant, 60)));
  for (const tenant of tenants) {
    await untilTaken(tenant, 60);
    expect(await taken(tenant)).toEqual(await written(tenant));
  }
});

test("an event that cannot be taken stops its consumer in its tenant only, and is tried again", async () => {
  let isBroken = true;
  const [bad, good] = tenants as [string, string];
  for (const tenant of tenants) await serve(tenant);
  await start([
    takeDown("fragile", 0, (type) => isBroken && type === "company.created"),
    { ...takeDown("sturdy"), take: async () => {} },
  ]);
  await makeContacts(bad, 2);
  const company = "insert into crm.companies (name) values ('Initech')";
  await asTenant(database, { tenantId: bad }, (client) => client.query(company), { commit: true });
  await makeContacts(bad, 1);
  await makeContacts(good, 3);
  await untilTaken(good, 3);
  const failed = await until("it has failed twice", async () => {
    const { rows } = await database.admin.query(
      "select failure_count, last_error, retry_at from private.feed_consumers where tenant_id = $1 and name = 'fragile'",
      [bad],
    );
    return rows[0]?.failure_count >= 2 && rows[0];
  });
  expect(failed).toMatchObject({ last_error: "It cannot be taken.", retry_at: expect.any(Date) });
  expect(await taken(bad)).toEqual((await written(bad)).slice(0, 2));
  isBroken = false;
  await untilTaken(bad, 4);
  expect(await taken(bad)).toEqual(await written(bad));
  await until("the other consumer has all", async () => {
    const { rows } = await database.admin.query(
      `select from private.feed_consumers c where c.name = 'sturdy' and c.failure_count = 0
         and c.position >= (select max(position) from events.events e where e.tenant_id = c.tenant_id)`,
    );
    return rows.length === 2;
  });
});

test("a tenant with much to read does not keep another one waiting", async () => {
  const [much, little] = tenants as [string, string];
  await serve(much);
  const make =
    "do $$ begin for n in 1..400 loop insert into crm.contacts (first_name) values ('Ada'); end loop; end $$";
  await asTenant(database, { tenantId: much }, (client) => client.query(make), { commit: true });
  await serve(little);
  await makeContacts(little, 1);
  await start([takeDown("fair", 2)]);
  await untilTaken(much, 400);
  const { rows } = await database.admin.query(
    "select count(*)::int as n from public.taken where number < (select number from public.taken where tenant_id = $1)",
    [little],
  );
  expect(rows[0].n).toBeLessThan(200);
});

test("a worker that no longer hears of news finds them", async () => {
  await serve(tenants[0]!);
  await start([takeDown("deaf")]);
  await makeContacts(tenants[0]!, 1);
  await untilTaken(tenants[0]!, 1);
  await database.admin.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'rowhouse worker feed'",
  );
  await makeContacts(tenants[0]!, 1);
  await untilTaken(tenants[0]!, 2);
  await until("it listens again", async () => {
    const { rowCount } = await database.admin.query(
      "select from pg_stat_activity where datname = current_database() and application_name = 'rowhouse worker feed'",
    );
    return rowCount === 1;
  });
});
