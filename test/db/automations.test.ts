import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { encodeTypeId } from "../../lib/type-id.ts";
import { insertAutomation, newestEvent, tagSubject, type AutomationInput } from "../support/automations.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

let database: TestDatabase;
let tenantId: string;
let actorId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
});
afterAll(() => database?.drop());

/** Who goes on in the transaction. */
async function become(client: PoolClient, role: string, actor = actorId, scopes = ""): Promise<void> {
  const isSystem = role === "system";
  await client.query(
    `select set_config('role', $1, true), set_config('jwt.claims.role', $2, true), set_config('jwt.claims.actor_id', $3, true),
       set_config('jwt.claims.scopes', $4, true)`,
    [`rowhouse_${role}${scopes && "_scoped"}`, isSystem ? "" : role, actor, scopes],
  );
}

/** Works in a transaction that begins as a manager, and is rolled back. */
const within = (work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId, role: "rowhouse_manager" }, work);

const makeContact = (client: PoolClient, row: Record<string, unknown> = {}) =>
  insertInto(client, "crm.contacts", { first_name: "Ann", ...row });

/** Shows an event to the automations as the worker does; how many firings were queued. */
async function fire(client: PoolClient, eventId: string): Promise<number> {
  await become(client, "system");
  const { rows } = await client.query("select pipeline.fire_automations_for_events(array[$1::uuid]) as count", [
    eventId,
  ]);
  return rows[0].count;
}

/** Does what is queued as the worker does. */
async function runQueued(client: PoolClient): Promise<void> {
  await become(client, "system");
  await client.query("select pipeline.run_automation(id) from pipeline.automation_runs where status = 'queued'");
}

async function runsOf(client: PoolClient, automationId: string) {
  await become(client, "system");
  return (
    await client.query("select * from pipeline.automation_runs where automation_id = $1 order by id", [automationId])
  ).rows;
}

async function tagsOf(client: PoolClient, contactId: string): Promise<string[]> {
  const { rows } = await client.query(
    `select t.name from crm.contact_tag_mapping m join crm.contact_tags t on t.id = m.contact_tag_id
     where m.contact_id = $1 and m.deleted_at is null order by 1`,
    [contactId],
  );
  return rows.map(({ name }) => name);
}

/** Makes an automation and a contact, and does what follows; the runs. */
async function tryOut(client: PoolClient, input: AutomationInput = {}, contact: Record<string, unknown> = {}) {
  const automation = await insertAutomation(client, input);
  const { id: contactId } = await makeContact(client, contact);
  const event = await newestEvent(client, "contact.created");
  await fire(client, event.id);
  await runQueued(client);
  return { automation, contactId, event, runs: await runsOf(client, automation.id) };
}

describe("an event", () => {
  test("sets an automation going once, however often it is shown to it, and the action is its actor's", () =>
    within(async (client) => {
      const automation = await insertAutomation(client);
      const { id: contactId } = await makeContact(client);
      const event = await newestEvent(client, "contact.created");
      expect(await fire(client, event.id)).toBe(1);
      expect(await fire(client, event.id)).toBe(0);
      await runQueued(client);
      expect(await tagsOf(client, contactId)).toEqual(["seen"]);
      expect(await runsOf(client, automation.id)).toMatchObject([
        { status: "succeeded", event_id: event.id, subject_id: contactId, depth: 0, correlation_id: event.id },
      ]);
      const tagging = await newestEvent(client, "contact_tag_mapping.created");
      expect(tagging).toMatchObject({ actor_id: automation.actor_id, depth: 1, correlation_id: event.id });
      const { rows } = await client.query(
        "select trigger_count, last_triggered_at from pipeline.automations where id = $1",
        [automation.id],
      );
      expect(rows[0]).toMatchObject({ trigger_count: "1", last_triggered_at: expect.any(Date) });
    }));

  test("goes by its type, the beginning of it, and the conditions, which are told when they do not hold", () =>
    within(async (client) => {
      const status = (value: string) => [{ field: "subject.status", operator: "equals", value }];
      const pattern = await insertAutomation(client, {
        trigger_config: { event: "contact.*" },
        conditions: status("ACTIVE"),
      });
      const skipped = await insertAutomation(client, { conditions: status("ARCHIVED") });
      const other = await insertAutomation(client, { trigger_config: { event: "contact.updated" } });
      await makeContact(client);
      await fire(client, (await newestEvent(client, "contact.created")).id);
      expect(await runsOf(client, pattern.id)).toMatchObject([{ status: "queued" }]);
      expect(await runsOf(client, skipped.id)).toMatchObject([
        {
          status: "skipped",
          reason: "The condition conditions.all[0] does not hold.",
          decided_by: { field: "subject.status", value: "ARCHIVED", actual: "ACTIVE" },
        },
      ]);
      expect(await runsOf(client, other.id)).toEqual([]);
    }));

  test("about several rows sets it going once with their keys, or once for each", () =>
    within(async (client) => {
      const task = { verb: "createTask", arguments: { title: { text: ["Look at ", { ref: "event.rowCount" }] } } };
      const once = await insertAutomation(client, { actions: [task] });
      const each = await insertAutomation(client, {
        fires_per_row: true,
        conditions: [{ field: "subject.firstName", operator: "not_equals", value: "B" }],
      });
      const { rows } = await client.query(
        "insert into crm.contacts (first_name) values ('A'), ('B'), ('C') returning id",
      );
      await fire(client, (await newestEvent(client, "contact.created")).id);
      await runQueued(client);
      expect(await runsOf(client, once.id)).toMatchObject([
        { status: "succeeded", subject_id: null, results: [{ verb: "createTask", arguments: { title: "Look at 3" } }] },
      ]);
      expect((await runsOf(client, each.id)).map(({ status }) => status)).toEqual([
        "succeeded",
        "skipped",
        "succeeded",
      ]);
      const tags = [];
      for (const { id } of rows) tags.push(await tagsOf(client, id));
      expect(tags).toEqual([["seen"], [], ["seen"]]);
    }));

  test("from before an automation was switched on does not set it going", () =>
    within(async (client) => {
      const { id } = await insertAutomation(client);
      await makeContact(client);
      const event = await newestEvent(client, "contact.created");
      await become(client, "system");
      await client.query("update pipeline.automations set armed_at = now() + interval '1 millisecond' where id = $1", [
        id,
      ]);
      expect(await fire(client, event.id)).toBe(0);
      expect(await runsOf(client, id)).toEqual([]);
    }));

  test.each([
    ["lead_created", "crm.leads", { company_name: "Acme" }, "lead.created"],
    ["message_received", "inbox.inbox_messages", { direction: "inbound" }, "inbox_message.created"],
    ["message_received", "inbox.inbox_messages", { direction: "outbound" }, "inbox_message.created"],
  ])("%s is a shorthand of its type", (trigger, table, row, type) =>
    within(async (client) => {
      const actions = [{ verb: "createTask", arguments: { title: "Answer" } }];
      const { id } = await insertAutomation(client, { trigger_type: trigger, actions });
      const isMessage = table.endsWith("messages");
      const thread =
        isMessage &&
        (await insertInto(client, "inbox.inbox_threads", {
          channel: "email",
          contact_id: (await makeContact(client)).id,
        }));
      await insertInto(client, table, {
        ...row,
        ...(thread && { thread_id: thread.id, channel: "email", body: "Hello" }),
      });
      await fire(client, (await newestEvent(client, type)).id);
      const status = "direction" in row && row.direction === "outbound" ? "skipped" : "queued";
      expect(await runsOf(client, id)).toMatchObject([{ status }]);
    }),
  );
});

describe("the actions of an automation", () => {
  test("are done in order with what they refer to, the later ones after the earlier", () =>
    within(async (client) => {
      const { contactId, runs } = await tryOut(
        client,
        {
          actions: [
            {
              verb: "updateContact",
              arguments: {
                id: { ref: "subject.id" },
                title: { text: ["Dr ", { ref: "subject.lastName" }] },
                status: "ARCHIVED",
              },
            },
            {
              verb: "createTask",
              arguments: {
                title: { text: ["Call ", { ref: "subject.firstName" }] },
                contactId: { ref: "event.subjectId" },
                kind: "OTHER",
                dueAt: "2027-01-01T00:00:00Z",
              },
            },
            {
              verb: "addContactTag",
              arguments: { contactId: { ref: "subject.id" }, tag: { ref: "subject.lastName" } },
            },
            { verb: "removeContactTag", arguments: { contactId: { ref: "subject.id" }, tag: "Lee" } },
          ],
        },
        { last_name: "Lee" },
      );
      expect(runs).toMatchObject([{ status: "succeeded", error_code: null, results: [{}, {}, {}, {}] }]);
      const { rows } = await client.query("select title, status from crm.contacts where id = $1", [contactId]);
      expect(rows).toEqual([{ title: "Dr Lee", status: "archived" }]);
      const tasks = await client.query("select title, due_at from outreach.tasks where contact_id = $1", [contactId]);
      expect(tasks.rows).toEqual([{ title: "Call Ann", due_at: new Date("2027-01-01T00:00:00Z") }]);
      expect(await tagsOf(client, contactId)).toEqual([]);
    }));

  test("are done all or not at all, and the log says which one failed", () =>
    within(async (client) => {
      const { contactId, runs, automation } = await tryOut(client, {
        actions: [tagSubject, { verb: "assignThread", arguments: { threadId: { ref: "subject.id" } } }],
      });
      expect(await tagsOf(client, contactId)).toEqual([]);
      expect(runs).toMatchObject([
        {
          ...{
            status: "failed",
            error_code: "NOT_FOUND",
            error_message: expect.stringMatching(/^There is no conversation/),
          },
          results: [{ verb: "addContactTag" }, { verb: "assignThread", error: { code: "NOT_FOUND" } }],
        },
      ]);
      const { rows } = await client.query("select failure_count from pipeline.automations where id = $1", [
        automation.id,
      ]);
      expect(rows[0].failure_count).toBe(1);
    }));

  test("say nothing of the inside when a row is refused", () =>
    within(async (client) => {
      const { runs } = await tryOut(client, {
        actions: [{ verb: "updateContact", arguments: { id: { ref: "subject.id" }, firstName: "x".repeat(300) } }],
      });
      expect(runs).toMatchObject([
        {
          status: "failed",
          error_code: "VALIDATION_FAILED",
          error_message: "An argument is missing or is not accepted there.",
        },
      ]);
    }));

  test("come with a run of the blueprint on the subject, which knows what set it going", () =>
    within(async (client) => {
      const steps = JSON.stringify([{ name: "check_email", type: "email", config: {} }]);
      const blueprint = await insertInto(client, "pipeline.blueprints", { name: "Enrich" });
      await insertInto(client, "pipeline.blueprint_versions", { blueprint_id: blueprint.id, steps });
      await client.query("select pipeline.publish_blueprint($1)", [blueprint.id]);
      const { automation, event, runs, contactId } = await tryOut(client, { actions: [], blueprint_id: blueprint.id });
      expect(runs).toMatchObject([{ status: "succeeded", error_message: null, pipeline_run_id: expect.any(String) }]);
      const { rows } = await client.query(
        "select r.*, a.inline_data from pipeline.pipeline_runs r join pipeline.artifacts a on a.id = r.input_artifact_id where r.id = $1",
        [runs[0].pipeline_run_id],
      );
      expect(rows[0]).toMatchObject({
        ...{
          trigger_type: "automation",
          automation_id: automation.id,
          triggered_by: automation.actor_id,
          correlation_id: event.id,
        },
        inline_data: [{ id: encodeTypeId("contact", contactId), firstName: "Ann" }],
      });
      const { rows: jobs } = await client.query("select depth from pipeline.jobs where subject_id = $1", [rows[0].id]);
      expect(jobs).toEqual([{ depth: 1 }]);
    }));
});

describe("an automation is kept from going round:", () => {
  test("what it causes itself does not set it going, unless it may", () =>
    within(async (client) => {
      const actions = [{ verb: "updateContact", arguments: { id: { ref: "subject.id" }, title: "again" } }];
      const input = { trigger_config: { event: "contact.*" }, actions };
      const { contactId, automation } = await tryOut(client, input);
      const own = await newestEvent(client, "contact.updated");
      expect(own).toMatchObject({ subject_id: contactId, actor_id: automation.actor_id });
      expect(await fire(client, own.id)).toBe(0);
      await client.query("update pipeline.automations set can_trigger_itself = true where id = $1", [automation.id]);
      expect(await fire(client, own.id)).toBe(1);
    }));

  test("beyond its depth it is refused, and stays on", () =>
    within(async (client) => {
      const { id } = await insertAutomation(client, { depth_limit: 3 });
      for (const depth of [2, 3]) {
        await client.query("select set_config('rowhouse.depth', $1, true)", [String(depth)]);
        await makeContact(client);
        await fire(client, (await newestEvent(client, "contact.created")).id);
        await become(client, "manager");
      }
      expect(await runsOf(client, id)).toMatchObject([
        { status: "queued", depth: 2 },
        {
          status: "refused",
          depth: 3,
          reason: expect.stringMatching(/^3 automations stand behind this event, and 3 is the limit/),
        },
      ]);
      const { rows } = await client.query("select is_enabled from pipeline.automations where id = $1", [id]);
      expect(rows[0].is_enabled).toBe(true);
    }));

  test("beyond its rate it is refused, and switched off with a reason when that goes on", () =>
    within(async (client) => {
      const automation = await insertAutomation(client, { rate_limit: 2 });
      for (let n = 0; n < 20; n++) {
        await become(client, "manager");
        await makeContact(client);
        await fire(client, (await newestEvent(client, "contact.created")).id);
      }
      const runs = await runsOf(client, automation.id);
      const statuses = runs.map(({ status }) => status);
      expect(statuses).toEqual(["queued", "queued", ...Array.from({ length: 11 }, () => "refused")]);
      expect(runs[2].reason).toMatch(/^It fired 2 times within a minute, and 2 is the limit/);
      const { rows } = await client.query(
        "select is_enabled, disabled_reason from pipeline.automations where id = $1",
        [automation.id],
      );
      expect(rows).toEqual([{ is_enabled: false, disabled_reason: "rate_limited" }]);
      expect(await newestEvent(client, "automation.disabled")).toMatchObject({
        ...{ subject_id: automation.id, payload: { reason: "rate_limited" }, actor_id: automation.actor_id },
      });
    }));

  test("failing again and again it is switched off, and a success in between counts anew", () =>
    within(async (client) => {
      const actions = [{ verb: "assignThread", arguments: { threadId: { ref: "subject.id" } } }];
      const { automation } = await tryOut(client, { actions, failure_limit: 2 });
      const look = async () =>
        (
          await client.query(
            "select is_enabled, disabled_reason, failure_count from pipeline.automations where id = $1",
            [automation.id],
          )
        ).rows[0];
      const again = async (list: unknown) => {
        await become(client, "manager");
        await client.query("update pipeline.automations set actions = $2 where id = $1", [
          automation.id,
          JSON.stringify(list),
        ]);
        await makeContact(client);
        await fire(client, (await newestEvent(client, "contact.created")).id);
        await runQueued(client);
        return look();
      };
      expect(await look()).toEqual({ is_enabled: true, disabled_reason: null, failure_count: 1 });
      expect(await again([tagSubject])).toEqual({ is_enabled: true, disabled_reason: null, failure_count: 0 });
      expect(await again(actions)).toMatchObject({ is_enabled: true, failure_count: 1 });
      expect(await again(actions)).toEqual({ is_enabled: false, disabled_reason: "failing", failure_count: 2 });
      await become(client, "manager");
      await client.query("update pipeline.automations set is_enabled = true where id = $1", [automation.id]);
      expect(await look()).toEqual({ is_enabled: true, disabled_reason: null, failure_count: 0 });
    }));

  test("a run that failed or was refused can be retried by a manager, and no other", () =>
    within(async (client) => {
      const actions = [{ verb: "assignThread", arguments: { threadId: { ref: "subject.id" } } }];
      const { automation, runs, contactId } = await tryOut(client, { actions });
      await become(client, "manager");
      await client.query("update pipeline.automations set actions = $2 where id = $1", [
        automation.id,
        JSON.stringify([tagSubject]),
      ]);
      const retry = "select * from pipeline.retry_automation_run($1)";
      expect((await client.query(retry, [runs[0].id])).rows).toMatchObject([{ status: "queued", error_code: null }]);
      await runQueued(client);
      expect(await tagsOf(client, contactId)).toEqual(["seen"]);
      await become(client, "manager");
      expect(await refusal(client, retry, [runs[0].id])).toMatchObject({
        code: "RH006",
        message: expect.stringMatching(/is succeeded/),
      });
      await become(client, "member");
      expect(await refusal(client, retry, [runs[0].id])).toMatchObject({ code: "42501" });
    }));
});
