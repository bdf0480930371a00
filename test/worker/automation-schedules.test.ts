import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { dueTimes } from "../../worker/automations/due-times.ts";
import { fireDueAutomations } from "../../worker/automations/fire-due-automations.ts";
import { commitAutomation, type AutomationInput } from "../support/automations.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startTestWorker } from "../support/jobs.ts";
import { until } from "../support/until.ts";

const log = pino({ level: "silent" });
let database: TestDatabase;
let tenantId: string;

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  await database.admin.query("delete from pipeline.automations");
  ({ tenantId } = await createTenant(database));
});
afterAll(() => database?.drop());

/** Looks at the clock as a worker does once a minute; how many automations fired. */
const lookAt = (time: string) => fireDueAutomations(database.worker, log, new Date(time));

const task = { verb: "createTask", arguments: { title: { text: ["Report of ", { ref: "schedule.dueAt" }] } } };

/** An automation that stands since then. */
async function schedule(
  schedule: string,
  timezone: string,
  since: string,
  input: AutomationInput = {},
): Promise<string> {
  const { id } = await commitAutomation(
    database,
    { tenantId },
    { trigger_type: "schedule", trigger_config: { schedule, timezone }, actions: [task], ...input },
  );
  await asTenant(
    database,
    { tenantId },
    (client) => client.query("update pipeline.automations set armed_at = $2 where id = $1", [id, since]),
    { commit: true },
  );
  return id;
}

const firings = async (id: string) =>
  (
    await database.admin.query(
      "select status, due_at, reason from pipeline.automation_runs where automation_id = $1 order by due_at",
      [id],
    )
  ).rows.map(({ status, due_at }) => `${due_at.toISOString()} ${status}`);

const nextRunAt = async (id: string) =>
  (
    await database.admin.query("select next_run_at from pipeline.automations where id = $1", [id])
  ).rows[0].next_run_at?.toISOString();

describe("a schedule", () => {
  const newYork = (text: string, from: string, days: number) => {
    const times = [];
    for (let since = new Date(from), end = +since + days * 86_400_000; ;) {
      const { next } = dueTimes({ schedule: text, timezone: "America/New_York" }, since, since);
      if (!next || +next > end) return times;
      times.push(next.toISOString().slice(5, 16));
      since = next;
    }
  };
  test.each([
    [
      "of a time that spring leaps over comes when the clock has leapt",
      "30 2 * * *",
      "2026-03-07T00:00:00Z",
      ["03-07T07:30", "03-08T07:00", "03-09T06:30"],
    ],
    [
      "of a time that autumn has twice comes once",
      "30 1 * * *",
      "2026-10-31T00:00:00Z",
      ["10-31T05:30", "11-01T05:30", "11-02T06:30"],
    ],
    [
      "of a time of the morning stays there",
      "0 9 * * *",
      "2026-03-07T00:00:00Z",
      ["03-07T14:00", "03-08T13:00", "03-09T13:00"],
    ],
  ])("%s", (_case, text, from, times) => {
    expect(newYork(text, from, 3)).toEqual(times);
  });

  test("of every hour comes every hour, also where the clock leaps or stands still", () => {
    expect(newYork("0 * * * *", "2026-03-08T00:00:00Z", 1)).toHaveLength(24);
    expect(newYork("0 * * * *", "2026-11-01T00:00:00Z", 1)).toHaveLength(24);
  });
});

test("a scheduled automation fires at each of its times, once, over a change of the clock", async () => {
  const id = await schedule("30 2 * * *", "America/New_York", "2026-03-07T06:00:00Z");
  expect(await lookAt("2026-03-07T06:01:00Z")).toBe(0);
  expect(await nextRunAt(id)).toBe("2026-03-07T07:30:00.000Z");
  expect(await lookAt("2026-03-07T07:29:59Z")).toBe(0);
  expect(await lookAt("2026-03-07T07:30:00Z")).toBe(1);
  expect(await lookAt("2026-03-07T07:31:00Z")).toBe(0);
  expect(await nextRunAt(id)).toBe("2026-03-08T07:00:00.000Z");
  for (let minute = 0; minute < 90; minute += 10)
    await lookAt(new Date(Date.UTC(2026, 2, 8, 6, 30 + minute)).toISOString());
  expect(await firings(id)).toEqual(["2026-03-07T07:30:00.000Z queued", "2026-03-08T07:00:00.000Z queued"]);
  expect(await nextRunAt(id)).toBe("2026-03-09T06:30:00.000Z");
});

test("many workers that look at once fire a time once", async () => {
  const id = await schedule("0 9 * * *", "UTC", "2026-05-01T00:00:00Z");
  const fired = await Promise.all(Array.from({ length: 8 }, () => lookAt("2026-05-01T09:00:01Z")));
  expect(fired.reduce((sum, each) => sum + each)).toBe(1);
  expect(await firings(id)).toEqual(["2026-05-01T09:00:00.000Z queued"]);
});

test("times that were missed are made up for once, or skipped, as the automation says", async () => {
  const once = await schedule("0 * * * *", "UTC", "2026-05-01T00:30:00Z");
  const skip = await schedule("0 * * * *", "UTC", "2026-05-01T00:30:00Z", { missed_times: "skip" });
  await lookAt("2026-05-01T06:20:00Z");
  expect(await firings(once)).toEqual(["2026-05-01T06:00:00.000Z queued"]);
  expect(await firings(skip)).toEqual(["2026-05-01T06:00:00.000Z skipped"]);
  expect([await nextRunAt(once), await nextRunAt(skip)]).toEqual(Array(2).fill("2026-05-01T07:00:00.000Z"));
  await lookAt("2026-05-01T07:00:30Z");
  expect((await firings(skip)).at(-1)).toBe("2026-05-01T07:00:00.000Z queued");
});

test("a schedule without a time to come is switched off, and says why", async () => {
  const id = await schedule("0 0 30 2 *", "UTC", "2026-05-01T00:00:00Z");
  await lookAt("2026-05-01T00:01:00Z");
  const { rows } = await database.admin.query(
    "select is_enabled, disabled_reason from pipeline.automations where id = $1",
    [id],
  );
  expect(rows).toEqual([{ is_enabled: false, disabled_reason: "never_due" }]);
  expect(await firings(id)).toEqual([]);
});

test("one that is changed or switched on goes by its new time from then on", async () => {
  const id = await schedule("0 9 * * *", "UTC", "2026-05-01T00:00:00Z");
  await lookAt("2026-05-01T08:00:00Z");
  const config = JSON.stringify({ schedule: "0 7 * * *", timezone: "UTC" });
  await asTenant(
    database,
    { tenantId, role: "rowhouse_manager" },
    (client) => client.query("update pipeline.automations set trigger_config = $2 where id = $1", [id, config]),
    { commit: true },
  );
  expect(await nextRunAt(id)).toBeUndefined();
});

test("the worker looks at the clock by itself, and does the work", async () => {
  const id = await schedule("* * * * *", "UTC", new Date(Date.now() - 120_000).toISOString());
  const worker = await startTestWorker(database, {
    crontab: [{ task: "fire_due_automations", match: "* * * * *", atStart: true }],
  });
  try {
    await until("it has run", async () => (await firings(id)).some((each) => each.endsWith("succeeded")));
    const { rows } = await database.admin.query("select title from outreach.tasks where tenant_id = $1", [tenantId]);
    expect(rows[0].title).toMatch(/^Report of \d{4}-\d\d-\d\dT\d\d:\d\d:00Z$/);
  } finally {
    await worker.stop();
  }
});
