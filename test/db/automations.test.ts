import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { encodeTypeId } from "../../lib/type-id.ts";
import { become, fire, makeContact, runQueued, runsOf, tagsOf, tryOut } from "../support/automation-steps.ts";
import { insertAutomation, newestEvent, tagSubject } from "../support/automations.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";

let database: TestDatabase;
let tenantId: string;
let actorId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
});
afterAll(() => database?.drop());

/** Works in a transaction that begins as a manager, and is rolled back. */
const within = (work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId, role: "rowhouse_manager" }, work);

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
