import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { WorkerApp } from "../../worker/app.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, queueRows, startTestWorker } from "../support/jobs.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let worker: WorkerApp;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker(database);
});
afterAll(async () => {
  await worker?.stop();
  await database?.drop();
});

/** An import of a tenant of its own, last touched so many days ago, with rows staged. */
async function makeImport(status: string, days: number): Promise<string> {
  const { tenantId, listId } = await createTenant(database);
  const { rows } = await database.admin.query<{ id: string }>(
    `insert into lists.list_imports (tenant_id, list_id, status, updated_at)
     values ($1, $2, $3, now() - $4 * interval '1 day') returning id`,
    [tenantId, listId, status, days],
  );
  const id = rows[0]!.id;
  await asTenant(database, { tenantId }, (client) => client.query("select lists.create_import_staging($1)", [id]), {
    commit: true,
  });
  return id;
}

const look = async (id: string) => {
  const { rows } = await database.admin.query(
    `select status, to_regclass(lists.import_staging_name(id)) is not null as "isStaged" from lists.list_imports where id = $1`,
    [id],
  );
  return rows[0];
};

it("cancels the imports of all tenants that nobody went on with for a week, and drops what was staged of them", async () => {
  const abandoned = [];
  for (const status of ["awaiting_upload", "uploading", "interrupted", "failed"])
    abandoned.push(await makeImport(status, 8));
  const others = [await makeImport("interrupted", 6), await makeImport("merging", 8), await makeImport("queued", 8)];
  const before = await Promise.all(others.map(look));

  await database.admin.query("select graphile_worker.add_job('cancel_abandoned_imports')");
  await until("the task is done", async () => (await queueRows(database)).length === 0);
  for (const id of abandoned) expect(await look(id)).toEqual({ status: "cancelled", isStaged: false });
  expect(await Promise.all(others.map(look))).toEqual(before);
});
