import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { crontab } from "../../worker/crontab.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { queueRows, startTestWorker } from "../support/jobs.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database?.drop();
});

const months = async () => {
  const { rows } = await database.admin.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits i join pg_partitioned_table t on t.partrelid = i.inhparent
     where inhrelid <> t.partdefid order by 1`,
  );
  return rows.map(({ name }) => name);
};

it("makes the months to come daily, and when a worker starts", async () => {
  const all = await months();
  expect(all).toHaveLength(12);
  for (const name of all) await database.admin.query(`drop table ${name}`);

  const daily = crontab.filter(({ task }) => task === "keep_partitions");
  expect(daily).toEqual([
    expect.objectContaining({ match: expect.stringMatching(/^\d+ \d+ \* \* \*$/), atStart: true }),
  ]);
  const worker = await startTestWorker(database, { crontab: daily });
  try {
    await until(
      "the task is done",
      async () => (await queueRows(database)).length === 0 && (await months()).length > 0,
    );
    expect(await months()).toEqual(all);
  } finally {
    await worker.stop();
  }
});
