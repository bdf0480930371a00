import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { hashPassword } from "../../lib/password.ts";
import {
  automationRow,
  insertAutomation,
  newestEvent,
  tagSubject,
  type AutomationInput,
} from "../support/automations.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { inTenant } from "../support/jobs.ts";
import { refusal } from "../support/refusal.ts";

let database: TestDatabase;
let tenantId: string;
let systemActor: string;
/** A manager of the tenant, with their actor and membership. */
let manager: { actorId: string; membershipId: string };

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId: systemActor } = (await createTenant(database, "acme")) as {
    tenantId: string;
    actorId: string;
  });
  await database.admin.query("select private.create_user($1, 'mia@example.com', 'Mia', 'manager', $2)", [
    tenantId,
    await hashPassword("a long password"),
  ]);
  const { rows } = await database.admin.query(
    "select id, membership_id from iam.actors where tenant_id = $1 and kind = 'user'",
    [tenantId],
  );
  manager = { actorId: rows[0].id, membershipId: rows[0].membership_id };
});
afterAll(() => database?.drop());

async function become(client: PoolClient, role: string, scopes = "", actor = manager.actorId): Promise<void> {
  const isSystem = role === "system";
  await client.query(
    `select set_config('role', $1, true), set_config('jwt.claims.role', $2, true), set_config('jwt.claims.actor_id', $3, true),
       set_config('jwt.claims.scopes', $4, true)`,
    [`rowhouse_${role}${scopes && "_scoped"}`, isSystem ? "" : role, isSystem ? systemActor : actor, scopes],
  );
}

const within = (work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId: manager.actorId, role: "rowhouse_manager" }, work);

const refusedInsert = (client: PoolClient, input: AutomationInput) => {
  const row = automationRow(input);
  const names = Object.keys(row);
  return refusal(
    client,
    `insert into pipeline.automations (${names.join(", ")}) values (${names.map((_, n) => `$${n + 1}`).join(", ")})`,
    Object.values(row),
  );
};

/** Makes a contact as the system, and fires and runs what waits for it; the newest run. */
async function fireAndRun(client: PoolClient) {
  await become(client, "system");
  const { rows } = await client.query("insert into crm.contacts (first_name) values ('Ann') returning id");
  const event = await newestEvent(client, "contact.created");
  await client.query("select pipeline.fire_automations_for_events(array[$1::uuid])", [event.id]);
  await client.query("select pipeline.run_automation(id) from pipeline.automation_runs where status = 'queued'");
  const runs = await client.query("select * from pipeline.automation_runs order by id desc limit 1");
  return { contactId: rows[0].id as string, run: runs.rows[0] };
}

const campaign = { verb: "pauseCampaign", arguments: { campaignId: "0198c0de-0000-7000-8000-0000000000aa" } };

describe("nobody gets from an automation what is not theirs:", () => {
  test("viewers and members write none", () =>
    within(async (client) => {
      for (const role of ["viewer", "member"]) {
        await become(client, role);
        expect(await refusedInsert(client, {})).toMatchObject({ code: "42501" });
      }
    }));

  test("a manager makes none that acts as an admin, and changes none that does", () =>
    within(async (client) => {
      expect(await refusedInsert(client, { role: "admin" })).toMatchObject({ code: "RH005", column: "role" });
      await become(client, "admin");
      const { id } = await insertAutomation(client, { role: "admin" });
      await become(client, "manager");
      const change = (set: string) => refusal(client, `update pipeline.automations set ${set} where id = $1`, [id]);
      expect(await change(`actions = '${JSON.stringify([campaign])}'`)).toMatchObject({
        code: "RH005",
        column: "role",
      });
      expect(await change("rate_limit = 6000")).toMatchObject({ code: "RH005" });
      // They may rename it, and stop it; not start it again.
      await client.query("update pipeline.automations set name = 'Renamed', is_enabled = false where id = $1", [id]);
      expect(await change("is_enabled = true")).toMatchObject({ code: "RH005", column: "role" });
    }));

  test("the role is really that of the database: one that acts as a viewer tags nobody, and one as a member stops no campaign", () =>
    within(async (client) => {
      const asViewer = await insertAutomation(client, { role: "viewer" });
      const { run } = await fireAndRun(client);
      expect(run).toMatchObject({ automation_id: asViewer.id, status: "failed", error_code: "FORBIDDEN" });
      await become(client, "manager");
      await client.query("update pipeline.automations set role = 'member', actions = $2 where id = $1", [
        asViewer.id,
        JSON.stringify([campaign]),
      ]);
      expect((await fireAndRun(client)).run).toMatchObject({ status: "failed", error_code: "FORBIDDEN" });
      await become(client, "manager");
      await client.query("update pipeline.automations set role = 'manager' where id = $1", [asViewer.id]);
      expect((await fireAndRun(client)).run).toMatchObject({ status: "failed", error_code: "NOT_FOUND" });
    }));

  test("triggers that ask for the role see it: a member's automation does not change a task of somebody else", () =>
    within(async (client) => {
      const task = await insertInto(client, "outreach.tasks", { title: "Mine", assigned_to: manager.actorId });
      const automation = await insertAutomation(client, {
        actions: [{ verb: "updateTask", arguments: { id: task.id, title: "Yours" } }],
      });
      expect((await fireAndRun(client)).run).toMatchObject({
        ...{ status: "failed", error_code: "FORBIDDEN", automation_id: automation.id },
        error_message: expect.stringMatching(/somebody else's/),
      });
    }));

  test("an automation of another tenant's data finds nothing", () =>
    within(async (client) => {
      const other = (await createTenant(database, `other-${Date.now()}`)) as { tenantId: string };
      const { rows } = await database.admin.query(
        "insert into crm.contacts (tenant_id, first_name) values ($1, 'Eve') returning id",
        [other.tenantId],
      );
      await insertAutomation(client, {
        role: "manager",
        actions: [{ verb: "updateContact", arguments: { id: rows[0].id, firstName: "Taken" } }],
      });
      expect((await fireAndRun(client)).run).toMatchObject({ status: "failed", error_code: "NOT_FOUND" });
    }));

  test("whoever wrote it last lends the role: one who was demoted lends less, one who is gone lends nothing", () =>
    within(async (client) => {
      const { id, authorized_by } = await insertAutomation(client, { role: "manager" });
      expect(authorized_by).toBe(manager.actorId);
      const acts = async () => (await fireAndRun(client)).run;
      expect(await acts()).toMatchObject({ status: "succeeded" });
      const changeMembership = (set: string) =>
        database.admin.query(`update iam.memberships set ${set} where id = $1`, [manager.membershipId]);
      await changeMembership("role = 'viewer'");
      expect(await acts()).toMatchObject({ status: "failed", error_code: "FORBIDDEN" });
      await changeMembership("role = 'manager'");
      await changeMembership("deleted_at = now()");
      expect(await acts()).toMatchObject({
        automation_id: id,
        status: "refused",
        reason: expect.stringMatching(/nobody lends it a role/),
      });
      await changeMembership("deleted_at = null");
    }));

  test("what a key with scopes writes is limited to them, and ends with the key", () =>
    within(async (client) => {
      const asAdmin = (sql: string, values: unknown[] = []) =>
        inTenant(database, tenantId, async (admin) => (await admin.query(sql, values)).rows);
      const [key] = await asAdmin(
        "insert into iam.api_keys (name, prefix, role, scopes) values ('Zap', 'rh_zap1', 'manager', '{pipeline:write}') returning actor_id",
      );
      const keyActor = key.actor_id;
      await become(client, "manager", "pipeline:write", keyActor);
      const { id, scopes } = await insertAutomation(client, {
        ...{ role: "manager", conditions: [{ field: "subject.firstName", operator: "is_not_set" }] },
        actions: [{ verb: "createTask", arguments: { title: "x" } }],
      });
      expect(scopes).toEqual(["pipeline:write"]);
      // It may not read contacts, so that it knows nothing of the subject; and it may not write tasks.
      expect((await fireAndRun(client)).run).toMatchObject({
        automation_id: id,
        status: "failed",
        error_code: "FORBIDDEN",
        error_message: expect.stringMatching(/outreach:/),
      });
      await asAdmin("update iam.api_keys set revoked_at = now() where actor_id = $1", [keyActor]);
      expect((await fireAndRun(client)).run).toMatchObject({ status: "refused" });
    }));
});

describe("a dry run", () => {
  const dryRun = async (client: PoolClient, automationId: string, on: Record<string, unknown>) => {
    const names = Object.keys(on);
    const { rows } = await client.query(
      `select pipeline.dry_run_automation(automation_id => $1, ${names.map((name, n) => `${name} => $${n + 2}`).join(", ")}) as outcome`,
      [automationId, ...Object.values(on)],
    );
    return rows[0].outcome;
  };
  const counts = async (client: PoolClient) =>
    (
      await client.query(
        `select (select count(*) from crm.contact_tags) as tags, (select count(*) from outreach.tasks) as tasks, (select count(*) from pipeline.jobs) as jobs,
           (select count(*) from events.events) as events, (select count(*) from pipeline.automation_runs) as runs, current_user as role,
           current_setting('jwt.claims.actor_id') as actor, current_setting('rowhouse.depth', true) as depth`,
      )
    ).rows[0];
  const task = {
    verb: "createTask",
    arguments: { title: { text: ["Call ", { ref: "subject.firstName" }] }, contactId: { ref: "subject.id" } },
  };

  test("tells what would be done with an event, and nothing of it is left", () =>
    within(async (client) => {
      const { id } = await insertAutomation(client, {
        actions: [tagSubject, task],
        conditions: { not: { field: "subject.lastName", operator: "is_set" } },
      });
      await insertInto(client, "crm.contacts", { first_name: "Ann" });
      const event = await newestEvent(client, "contact.created");
      const before = await counts(client);
      expect(await dryRun(client, id, { event_id: event.id })).toMatchObject({
        ...{
          wouldFire: true,
          triggerFits: true,
          conditionsHold: true,
          depthAllows: true,
          isEnabled: true,
          role: "member",
          error: null,
        },
        decidedBy: { path: "conditions.not", field: "subject.lastName", holds: false, actual: null },
        actions: [
          { verb: "addContactTag", id: expect.any(String) },
          { verb: "createTask", arguments: { title: "Call Ann" }, id: expect.any(String) },
        ],
      });
      expect(await counts(client)).toEqual(before);
      const config = JSON.stringify({ event: "contact.deleted" });
      await client.query("update pipeline.automations set trigger_config = $2 where id = $1", [id, config]);
      expect(await dryRun(client, id, { event_id: event.id })).toMatchObject({ wouldFire: false, triggerFits: false });
    }));

  test("says which condition forbids it, and which error an action would meet", () =>
    within(async (client) => {
      const { id } = await insertAutomation(client, {
        conditions: [{ field: "subject.status", operator: "equals", value: "ARCHIVED" }],
        actions: [tagSubject, { verb: "assignThread", arguments: { threadId: { ref: "subject.id" } } }],
      });
      const { id: contactId } = await insertInto(client, "crm.contacts", { first_name: "Ann" });
      const before = await counts(client);
      const sample = { event: { type: "contact.created" }, subject: { id: contactId, status: "ACTIVE" } };
      expect(await dryRun(client, id, { sample: JSON.stringify(sample) })).toMatchObject({
        ...{ wouldFire: false, conditionsHold: false, decidedBy: { path: "conditions.all[0]", actual: "ACTIVE" } },
        ...{
          error: { code: "NOT_FOUND" },
          actions: [{ id: expect.any(String) }, { verb: "assignThread", error: { code: "NOT_FOUND" } }],
        },
      });
      expect(await counts(client)).toEqual(before);
    }));

  test("goes no further than whoever asks for it may, and is not for members", () =>
    within(async (client) => {
      await become(client, "admin");
      const { id } = await insertAutomation(client, { role: "admin", actions: [tagSubject] });
      await become(client, "manager");
      expect(await dryRun(client, id, { sample: "{}" })).toMatchObject({ role: "manager" });
      await become(client, "manager", "pipeline:write");
      expect(await dryRun(client, id, { sample: JSON.stringify({ subject: { id } }) })).toMatchObject({
        error: { code: "FORBIDDEN" },
      });
      await become(client, "member");
      expect(await refusal(client, "select pipeline.dry_run_automation($1, null, null, '{}')", [id])).toMatchObject({
        code: "42501",
      });
    }));

  test.each([
    ["nothing to try it on", "null, null, null", "VALIDATION"],
    ["two things", "uuidv7(), null, '{}'", "VALIDATION"],
    ["an event that is not there", "uuidv7(), null, null", "NOT_FOUND"],
    ["a webhook that is not there", "null, uuidv7(), null", "NOT_FOUND"],
    ["a sample of something else", `null, null, '{"secrets": 1}'`, "VALIDATION"],
  ])("is refused with %s", (_case, values, code) =>
    within(async (client) => {
      const { id } = await insertAutomation(client);
      expect(await refusal(client, `select pipeline.dry_run_automation($1, ${values})`, [id])).toMatchObject({
        code: code === "NOT_FOUND" ? "RH002" : "RH004",
      });
    }),
  );
});
