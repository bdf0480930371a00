import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { WorkerApp } from "../../worker/app.ts";
import { startAutomationWorkerProcess } from "../support/automation-worker.ts";
import { commitAutomation, type AutomationInput } from "../support/automations.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, skipPauses, startTestWorker, testConfig } from "../support/jobs.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let tenantId: string;
let files: string;
const workers: WorkerApp[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  files = await mkdtemp(join(tmpdir(), "rowhouse-automations-"));
});
beforeEach(async () => {
  ({ tenantId } = await createTenant(database));
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});
afterAll(async () => {
  await database?.drop();
  await rm(files, { recursive: true, force: true });
});

const start = async () => void workers.push(await startTestWorker(database, { config: testConfig(files) }));

const automate = (input: AutomationInput) => commitAutomation(database, { tenantId }, input);

const act = (sql: string, values: unknown[] = []) =>
  asTenant(database, { tenantId }, (client) => client.query(sql, values), { commit: true });

const makeContact = async (name = "Ann") =>
  (await act("insert into crm.contacts (first_name) values ($1) returning id", [name])).rows[0].id as string;

const runs = async (automationId: string) =>
  (
    await database.admin.query("select * from pipeline.automation_runs where automation_id = $1 order by id", [
      automationId,
    ])
  ).rows;

const untilRuns = (automationId: string, count: number) =>
  until(`the automation has ${count} runs that have ended`, async () => {
    const rows = await runs(automationId);
    return rows.length >= count && rows.every(({ finished_at }) => finished_at !== null) && rows;
  });

/** Waits until the consumer has read all that the tenant's feed holds, and no job is left. */
const untilQuiet = () =>
  until("all is done", async () => {
    const { rows } = await database.admin.query(
      `select not exists (select from private.feed_consumers c where c.name = 'automations' and c.tenant_id = $1
           and c.position < (select max(position) from events.events e where e.tenant_id = $1))
         and not exists (select from graphile_worker._private_jobs) as quiet`,
      [tenantId],
    );
    return rows[0].quiet as boolean;
  });

const task = {
  verb: "createTask",
  arguments: { title: { text: ["Greet ", { ref: "subject.firstName" }] }, contactId: { ref: "subject.id" } },
};

test("an event sets an automation going, whose action the worker does under the automation's actor", async () => {
  const automation = await automate({ actions: [task] });
  await start();
  const contactId = await makeContact();
  expect(await untilRuns(automation.id, 1)).toMatchObject([
    { status: "succeeded", subject_id: contactId, attempt_count: 1 },
  ]);
  const { rows } = await act("select title, contact_id, created_by from outreach.tasks");
  expect(rows).toEqual([{ title: "Greet Ann", contact_id: contactId, created_by: automation.actor_id }]);
});

test("what happened between the making of an automation and the start of a worker is not missed", async () => {
  const automation = await automate({ actions: [task] });
  await makeContact("Bob");
  await start();
  expect(await untilRuns(automation.id, 1)).toMatchObject([{ status: "succeeded" }]);
});

test("two automations that set each other going come to an end at the depth limit", async () => {
  const done = { field: "event.changedFields", operator: "contains", value: "title" };
  const turn = (title: string) => ({
    verb: "updateContact",
    arguments: { id: { ref: "subject.id" }, title: { text: [title, { ref: "event.id" }] } },
  });
  const ping = await automate({ trigger_config: { event: "contact.*" }, actions: [turn("ping ")] });
  const pong = await automate({
    trigger_config: { event: "contact.updated" },
    conditions: [done],
    actions: [turn("pong ")],
    depth_limit: 4,
  });
  await start();
  await makeContact();
  const refused = await until("one of them is refused", async () => {
    const rows = [...(await runs(ping.id)), ...(await runs(pong.id))];
    return rows.some(({ status }) => status === "refused") && rows;
  });
  await untilQuiet();
  const all = [...(await runs(ping.id)), ...(await runs(pong.id))];
  expect(refused.length).toBeLessThanOrEqual(all.length);
  const depths = all.sort((a, b) => a.depth - b.depth).map(({ status, depth }) => `${depth} ${status}`);
  expect(depths).toEqual(
    ["0 succeeded", "1 succeeded", "2 succeeded", "3 succeeded", "4 succeeded", "5 refused"].slice(0, depths.length),
  );
  expect(new Set(all.map(({ correlation_id }) => correlation_id)).size).toBe(1);
});

test("one that sets itself going by way of jobs ends at the depth limit, too", async () => {
  const { rows } = await act("insert into lists.lists (name) values ('Guests') returning id");
  const listId = rows[0].id as string;
  const automation = await automate({
    trigger_config: { event: "export_job.succeeded" },
    actions: [{ verb: "startExport", arguments: { listId: { ref: "subject.listId" } } }],
  });
  await start();
  const startExport = "select lists.start_export($1)";
  await asTenant(database, { tenantId, role: "rowhouse_member" }, (client) => client.query(startExport, [listId]), {
    commit: true,
  });
  await until("it is refused", async () => (await runs(automation.id)).some(({ status }) => status === "refused"));
  await untilQuiet();
  expect((await runs(automation.id)).map(({ status, depth }) => `${depth} ${status}`)).toEqual([
    ...[0, 1, 2, 3, 4].map((depth) => `${depth} succeeded`),
    "5 refused",
  ]);
});

test("firings are forgotten after ninety days, skipped ones after seven", async () => {
  const { id } = await automate({ actions: [task] });
  await act(
    `insert into pipeline.automation_runs (id, automation_id, status, event_id, reason, finished_at)
     select overlay(uuidv7()::text placing left(app.uuid_at(now() - age * interval '1 day')::text, 14) from 1 for 14)::uuid, $1, status, uuidv7(), status || ' ' || age, now()
     from unnest(array[6, 8, 89, 91]) age, unnest(array['skipped', 'succeeded', 'failed', 'refused']) status`,
    [id],
  );
  await start();
  await database.admin.query("select graphile_worker.add_job('forget_automation_runs')");
  await untilQuiet();
  const kept = (await runs(id)).map(({ reason }) => reason as string).sort();
  expect(kept).toEqual(
    [6, 8, 89]
      .flatMap((age) => ["failed", "refused", "succeeded"].map((status) => `${status} ${age}`))
      .concat("skipped 6")
      .sort(),
  );
});

test("a firing whose event is not kept any more fails, and says so", async () => {
  const automation = await automate({ actions: [task] });
  const contactId = await makeContact();
  await start();
  await untilRuns(automation.id, 1);
  const { rows } = await act(
    `insert into pipeline.automation_runs (automation_id, event_id, subject_type, subject_id)
     select automation_id, uuidv7(), 'contacts', $1 from pipeline.automation_runs where automation_id = $2 returning id`,
    [contactId, automation.id],
  );
  const run = await until("the run has ended", async () => {
    const found = (await runs(automation.id)).find(({ id }) => id === rows[0].id);
    return found.finished_at !== null && found;
  });
  expect(run).toMatchObject({
    status: "failed",
    error_code: "NOT_FOUND",
    error_message: "What set it going is not kept any more.",
  });
});

test("a firing whose job is cancelled ends as failed, and does nothing", async () => {
  const automation = await automate({ actions: [task] });
  const contactId = await makeContact();
  const { rows } = await act(
    "select pipeline.fire_automations_for_events(array_agg(id)) as count from events.events where subject_id = $1",
    [contactId],
  );
  expect(rows[0].count).toBe(1);
  const cancel = "select pipeline.cancel_job(id) from pipeline.jobs where task = 'run_automation'";
  await asTenant(database, { tenantId, role: "rowhouse_member" }, (client) => client.query(cancel), { commit: true });
  await start();
  expect(await untilRuns(automation.id, 1)).toMatchObject([{ status: "failed", error_code: "CANCELLED" }]);
  expect((await act("select from outreach.tasks")).rowCount).toBe(0);
});

test("each event has exactly one effect, though workers are killed again and again", async () => {
  const automation = await automate({ actions: [task], rate_limit: 6000 });
  const count = 120;
  const writing = (async () => {
    for (let n = 0; n < count; n++) await makeContact(`N${n}`);
  })();
  for (let n = 0; n < 6; n++) {
    const child = await startAutomationWorkerProcess(database.workerUrl);
    await sleep(150 + Math.random() * 500);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await writing;
  await start();
  const all = await until("every event is dealt with", async () => {
    await skipPauses(database);
    const rows = await runs(automation.id);
    return rows.filter(({ status }) => status === "succeeded").length === count && rows;
  });
  expect(all).toHaveLength(count);
  const { rows } = await act("select title, count(*)::int from outreach.tasks group by 1 having count(*) <> 1");
  expect(rows).toEqual([]);
  expect((await act("select from outreach.tasks")).rowCount).toBe(count);
});
