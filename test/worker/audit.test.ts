import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { defineTask, jobPayload } from "../../worker/define-task.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, queueJob, startTestWorker, untilStatus } from "../support/jobs.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database?.drop();
});

it("a job's changes are in the audit log under the job's id and the tenant's system actor", async () => {
  const { tenantId } = await createTenant(database);
  const task = defineTask({
    name: "try_it",
    payload: jobPayload,
    run: (ctx) =>
      ctx.inTenant(async (client) => {
        await client.query(
          "insert into lists.filter_rules (effect, match_type, value) values ('reject', 'domain', 'example.test')",
        );
      }),
  });
  const worker = await startTestWorker(database, { tasks: [task] });
  try {
    const jobId = await queueJob(database, tenantId, "try_it");
    await untilStatus(database, jobId, "succeeded");
    const { rows } = await database.admin.query(
      `select l.tenant_id, l.action, l.request_id, l.ip_address, a.kind from audit.audit_logs l
       join iam.actors a on a.tenant_id = l.tenant_id and a.id = l.actor_id where l.entity_type = 'filter_rules'`,
    );
    expect(rows).toEqual([
      { tenant_id: tenantId, action: "create", request_id: jobId, ip_address: null, kind: "system" },
    ]);
  } finally {
    await worker.stop();
  }
});
