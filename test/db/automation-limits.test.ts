import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { become, fire, makeContact, runQueued, runsOf, tagsOf, tryOut } from "../support/automation-steps.ts";
import { insertAutomation, newestEvent, tagSubject } from "../support/automations.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { refusal } from "../support/refusal.ts";

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

  test("the rows of one event count once, and have one fate", () =>
    within(async (client) => {
      const { id } = await insertAutomation(client, { rate_limit: 1, fires_per_row: true });
      for (let n = 0; n < 2; n++) {
        await become(client, "manager");
        await client.query("insert into crm.contacts (first_name) select 'N' || n from generate_series(1, 20) n");
        expect(await fire(client, (await newestEvent(client, "contact.created")).id)).toBe(n === 0 ? 20 : 0);
      }
      const statuses = (await runsOf(client, id)).map(({ status }) => status);
      expect(statuses).toEqual([...Array(20).fill("queued"), ...Array(20).fill("refused")]);
      const { rows } = await client.query("select is_enabled from pipeline.automations where id = $1", [id]);
      expect(rows[0].is_enabled).toBe(true);
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
