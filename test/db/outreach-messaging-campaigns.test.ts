import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
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

afterAll(async () => {
  await database?.drop();
});

/** Works as a role of the tenant, and rolls back. */
const as = (role: string, work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, work);

const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, `outreach.${table}`, row);
const become = (client: PoolClient, role: string) => client.query(`reset role; set local role rowhouse_${role}`);

async function publishedTemplate(client: PoolClient, name: string, channel = "sms") {
  const template = await insert(client, "templates", { name, channel });
  await insert(client, "template_versions", { template_id: template.id, subject: "Hi", body: "Hello" });
  await client.query("set local role rowhouse_manager");
  await client.query("select outreach.publish_template($1)", [template.id]);
  return template;
}

async function campaignOf(client: PoolClient, row: Record<string, unknown> = {}) {
  const template = await publishedTemplate(client, "Offer");
  await become(client, "manager");
  return insert(client, "campaigns", { name: "Spring", channel: "sms", template_id: template.id, ...row });
}

const move = (client: PoolClient, id: string, status: string) =>
  client.query("update outreach.campaigns set status = $2 where id = $1", [id, status]);

/** As many contacts as recipients of the campaign; ids of the recipients. */
async function addRecipients(client: PoolClient, campaignId: string, count: number, variantId: string | null = null) {
  const { rows } = await client.query<{ id: string }>(
    `with c as (insert into crm.contacts (first_name) select 'Ann' from generate_series(1, $2) returning id)
     insert into outreach.campaign_recipients (campaign_id, contact_id, variant_id) select $1, id, $3 from c returning id`,
    [campaignId, count, variantId],
  );
  return rows.map(({ id }) => id);
}

async function stats(client: PoolClient, campaignId: string, variantId: string | null = null) {
  const { rows } = await client.query(
    `select recipient_count::int as recipients, sent_count::int as sent, delivered_count::int as delivered, opened_count::int as opened,
       bounced_count::int as bounced, skipped_count::int as skipped
     from outreach.campaign_stats where campaign_id = $1 and variant_id is not distinct from $2`,
    [campaignId, variantId],
  );
  return rows[0];
}
const none = { recipients: 0, sent: 0, delivered: 0, opened: 0, bounced: 0, skipped: 0 };

describe("a campaign", () => {
  const states = ["draft", "scheduled", "running", "paused", "completed", "cancelled"];
  const possible: Record<string, string[]> = {
    draft: ["scheduled", "running", "cancelled"],
    scheduled: ["draft", "running", "cancelled"],
    running: ["paused", "completed", "cancelled"],
    paused: ["running", "completed", "cancelled"],
    completed: [],
    cancelled: [],
  };
  const wayTo: Record<string, string[]> = {
    draft: [],
    scheduled: ["scheduled"],
    running: ["running"],
    paused: ["running", "paused"],
    completed: ["running", "completed"],
    cancelled: ["cancelled"],
  };

  test.each(states)("that is %s takes the steps there are, and no other", (from) =>
    as("member", async (client) => {
      const { id } = await campaignOf(client, { scheduled_at: "2030-01-01Z" });
      await become(client, "system");
      for (const status of wayTo[from]!) await move(client, id, status);
      for (const to of states.filter((state) => state !== from)) {
        await client.query("savepoint step");
        const outcome = await move(client, id, to).then(
          () => "taken",
          (error: { code: string }) => error.code,
        );
        await client.query("rollback to savepoint step");
        expect([from, to, outcome]).toEqual([from, to, possible[from]!.includes(to) ? "taken" : "RH006"]);
      }
      expect(
        await refusal(client, "insert into outreach.campaigns (name, channel, status) values ('x', 'sms', 'running')"),
      ).toMatchObject({ code: "RH006" });
    }),
  );

  test("is moved by its verbs, by managers, and notes when", () =>
    as("member", async (client) => {
      const { id } = await campaignOf(client);
      const verb = async (name: string, ...more: unknown[]) => {
        const call = `select * from outreach.${name}($1${more.map((_, n) => `, $${n + 2}`).join("")})`;
        return (await client.query(call, [id, ...more])).rows[0];
      };
      expect(await refusal(client, "select outreach.schedule_campaign($1, '2020-01-01Z')", [id])).toMatchObject({
        code: "RH004",
        column: "scheduledAt",
      });
      const at = new Date("2100-01-01Z");
      expect(await verb("schedule_campaign", at)).toMatchObject({ status: "scheduled", scheduled_at: at });
      expect(
        await refusal(client, "update outreach.campaigns set scheduled_at = null where id = $1", [id]),
      ).toMatchObject({ code: "RH006", column: "scheduledAt" });
      expect(await verb("unschedule_campaign")).toMatchObject({ status: "draft" });
      expect(await refusal(client, "select outreach.resume_campaign($1)", [id])).toMatchObject({
        code: "RH006",
        message: 'Campaign "Spring" is draft, not paused: there is nothing to resume.',
      });
      await become(client, "system");
      await move(client, id, "running");
      await become(client, "manager");
      expect(await verb("pause_campaign")).toMatchObject({ status: "paused", paused_at: expect.any(Date) });
      const resumed = { status: "running", paused_at: null, started_at: expect.any(Date) };
      expect(await verb("resume_campaign")).toMatchObject(resumed);
      expect(await verb("cancel_campaign")).toMatchObject({ status: "cancelled", cancelled_at: expect.any(Date) });
      expect(await refusal(client, "select outreach.cancel_campaign($1)", [tenantId])).toMatchObject({ code: "RH002" });
      await become(client, "member");
      expect(await refusal(client, "select outreach.pause_campaign($1)", [id])).toMatchObject({ code: "42501" });
      expect(await refusal(client, "update outreach.campaigns set status = 'draft'")).toMatchObject({ code: "42501" });
    }));

  test("starts only with something to send that was published and is of its channel", () =>
    as("member", async (client) => {
      const mail = await publishedTemplate(client, "Letter", "email");
      await become(client, "member");
      const draft = await insert(client, "templates", { name: "Draft", channel: "sms" });
      const campaign = await insert(client, "campaigns", { name: "Spring", channel: "sms" });
      expect(await refusal(client, "update outreach.campaigns set template_id = $1", [mail.id])).toMatchObject({
        code: "RH004",
        message: 'Template "Letter" is for email, and campaign "Spring" goes by sms.',
      });
      const variant = "insert into outreach.campaign_variants (campaign_id, template_id, label) values ($1, $2, $3)";
      expect(await refusal(client, variant, [campaign.id, mail.id, "A"])).toMatchObject({ code: "RH004" });
      await become(client, "system");
      const start = `update outreach.campaigns set status = 'running' where id = '${campaign.id}'`;
      const message = (text: string) => ({ code: "RH006", message: expect.stringContaining(text) });
      expect(await refusal(client, start)).toMatchObject(message("has nothing to send"));
      await client.query(variant, [campaign.id, draft.id, "A"]);
      expect(await refusal(client, start)).toMatchObject(message("was never published"));
      await client.query("update outreach.campaign_variants set deleted_at = now()");
      const sms = await publishedTemplate(client, "Text");
      await become(client, "system");
      await client.query("update outreach.campaigns set template_id = $1", [sms.id]);
      await client.query("update outreach.templates set archived_at = now() where id = $1", [sms.id]);
      expect(await refusal(client, start)).toMatchObject(message("is archived"));
      await client.query("update outreach.templates set archived_at = null where id = $1", [sms.id]);
      await client.query(start);
      expect(await refusal(client, "update outreach.campaigns set template_id = null")).toMatchObject({
        code: "RH006",
        message: 'Campaign "Spring" is running, and its template stays what it is.',
      });
      expect(await refusal(client, "update outreach.campaigns set deleted_at = now()")).toMatchObject({
        code: "RH006",
        message: 'Campaign "Spring" is running. Cancel it before you delete it.',
      });
    }));

  test("has one winner at most, and each label once", () =>
    as("manager", async (client) => {
      const campaign = await campaignOf(client);
      const variants = [];
      for (const label of ["A", "B"])
        variants.push(
          await insert(client, "campaign_variants", {
            campaign_id: campaign.id,
            template_id: campaign.template_id,
            label,
          }),
        );
      expect(
        await refusal(client, "update outreach.campaign_variants set label = 'A' where label = 'B'"),
      ).toMatchObject({ constraint: "campaign_variants_label_key" });
      for (const { id } of [variants[0], variants[1], variants[1]]) {
        await client.query("select outreach.choose_campaign_winner($1)", [id]);
        const { rows } = await client.query("select id from outreach.campaign_variants where is_winner");
        expect(rows).toEqual([{ id }]);
      }
      await become(client, "system");
      expect(await refusal(client, "update outreach.campaign_variants set is_winner = true")).toMatchObject({
        constraint: "campaign_variants_winner_key",
      });
    }));
});

describe("recipients", () => {
  test("have the status that tells most, whatever the order in which the reports come", () =>
    as("manager", async (client) => {
      const campaign = await campaignOf(client);
      const [id] = await addRecipients(client, campaign.id, 1);
      await become(client, "system");
      const steps: [string, string][] = [
        ["queued", "queued"],
        ["sent", "sent"],
        ["opened", "opened"],
        ["delivered", "opened"],
        ["bounced", "opened"],
        ["replied", "replied"],
        ["clicked", "replied"],
        ["unsubscribed", "unsubscribed"],
      ];
      expect(
        await refusal(client, "update outreach.campaign_recipients set opened_at = now() where id = $1", [id]),
      ).toMatchObject({ constraint: "campaign_recipients_sent_at_check" });
      for (const [fact, status] of steps) {
        const sql = `update outreach.campaign_recipients set ${fact}_at = now() where id = $1 returning status`;
        expect((await client.query(sql, [id])).rows).toEqual([{ status }]);
      }
      expect(
        await refusal(client, "update outreach.campaign_recipients set deleted_at = now() where id = $1", [id]),
      ).toMatchObject({ code: "RH006", message: `Recipient ${id} is unsubscribed already and stays in the campaign.` });
    }));

  test("are counted by one statement for ten thousand of them, by variant and in all", () =>
    as("manager", async (client) => {
      const campaign = await campaignOf(client);
      const { id: variantId } = await insert(client, "campaign_variants", {
        campaign_id: campaign.id,
        template_id: campaign.template_id,
        label: "A",
      });
      expect(await stats(client, campaign.id)).toEqual(none);
      // The checks of references were planned on tables without rows and statistics, for which any index seems as good.
      await client.query("discard plans");
      await addRecipients(client, campaign.id, 7_000, variantId);
      await addRecipients(client, campaign.id, 3_000);
      await become(client, "system");
      expect(await stats(client, campaign.id)).toEqual({ ...none, recipients: 10_000 });
      const before = await writes(client);
      await client.query("update outreach.campaign_recipients set sent_at = now(), delivered_at = now()");
      expect(await writes(client)).toBe(before + 2);
      const all = { ...none, recipients: 10_000, sent: 10_000, delivered: 10_000 };
      expect(await stats(client, campaign.id)).toEqual(all);
      const variant = { ...none, recipients: 7_000, sent: 7_000, delivered: 7_000 };
      expect(await stats(client, campaign.id, variantId)).toEqual(variant);
      await client.query("update outreach.campaign_recipients set reason = 'nothing that is counted'");
      expect(await writes(client)).toBe(before + 2);
    }));

  test("are counted right when they change variants, are taken out, come back, or are gone", () =>
    as("manager", async (client) => {
      const campaign = await campaignOf(client);
      const variant = async (label: string) =>
        (
          await insert(client, "campaign_variants", {
            campaign_id: campaign.id,
            template_id: campaign.template_id,
            label,
          })
        ).id as string;
      const [a, b] = [await variant("A"), await variant("B")];
      const ids = await addRecipients(client, campaign.id, 4, a);
      const counts = async () => {
        const all: number[] = [];
        for (const id of [null, a, b]) all.push((await stats(client, campaign.id, id)).recipients);
        return all;
      };
      expect(await counts()).toEqual([4, 4, 0]);
      await become(client, "system");
      await client.query("update outreach.campaign_recipients set variant_id = $1 where id = $2", [b, ids[0]]);
      expect(await counts()).toEqual([4, 3, 1]);
      await client.query("update outreach.campaign_recipients set deleted_at = now() where id = any ($1)", [
        ids.slice(0, 2),
      ]);
      expect(await counts()).toEqual([2, 2, 0]);
      await client.query("update outreach.campaign_recipients set deleted_at = null where id = $1", [ids[0]]);
      expect(await counts()).toEqual([3, 2, 1]);
      await client.query("delete from outreach.campaign_recipients where id = any ($1)", [ids.slice(1)]);
      expect(await counts()).toEqual([1, 0, 1]);
      await client.query("delete from outreach.campaigns where id = $1", [campaign.id]);
      expect((await client.query("select from outreach.campaign_recipients")).rowCount).toBe(0);
    }));

  test("get a variant of their own campaign, come in once, and only while it is open", () =>
    as("manager", async (client) => {
      const campaign = await campaignOf(client);
      const other = await insert(client, "campaigns", { name: "Other", channel: "sms" });
      const { id: foreign } = await insert(client, "campaign_variants", {
        campaign_id: other.id,
        template_id: campaign.template_id,
        label: "A",
      });
      const [id] = await addRecipients(client, campaign.id, 1);
      const again = `insert into outreach.campaign_recipients (campaign_id, contact_id, variant_id)
        select campaign_id, contact_id, $2 from outreach.campaign_recipients where id = $1`;
      expect(await refusal(client, again, [id, null])).toMatchObject({
        constraint: "campaign_recipients_contact_id_key",
      });
      await client.query("update outreach.campaign_recipients set deleted_at = now() where id = $1", [id]);
      expect(await refusal(client, again, [id, foreign])).toMatchObject({
        code: "RH004",
        message: 'Variant "A" is not one of campaign "Spring".',
      });
      await client.query(again, [id, null]);
      expect(
        await refusal(client, "update outreach.campaign_recipients set deleted_at = null where id = $1", [id]),
      ).toMatchObject({ constraint: "campaign_recipients_contact_id_key" });
      for (const column of ["sent_at", "variant_id", "message_id"])
        expect(await refusal(client, `update outreach.campaign_recipients set ${column} = null`)).toMatchObject({
          code: "42501",
        });
      await client.query("select outreach.cancel_campaign($1)", [campaign.id]);
      await client.query("savepoint late");
      await expect(addRecipients(client, campaign.id, 1)).rejects.toMatchObject({
        code: "RH006",
        message: 'Campaign "Spring" is cancelled and takes no more recipients.',
      });
      await client.query("rollback to savepoint late");
    }));
});

/** How many rows of figures this transaction has updated. */
const writes = async (client: PoolClient): Promise<number> =>
  (await client.query("select pg_stat_get_xact_tuples_updated('outreach.campaign_stats'::regclass)::int as n")).rows[0]
    .n;
