import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, type Sender } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { company, contact, identifier, managerRefusal, merge, MERGE, row } from "../support/merges.ts";
import { refusal } from "../support/refusal.ts";

let database: TestDatabase;
let acme: Sender;

beforeAll(async () => {
  database = await createTestDatabase();
  acme = await createTenant(database, "acme");
});

afterAll(async () => {
  await database?.drop();
});

/** Works as the system, and rolls back. */
const asSystem = (work: (client: PoolClient) => Promise<void>) => asTenant(database, acme, work);

describe("a field of the winner", () => {
  test.each([
    ["stays", "Boss", "Chief", {}, "Boss"],
    ["is taken over where it is null", null, "Chief", {}, "Chief"],
    ["stays null when that was chosen", null, "Chief", { title: "winner" }, null],
    ["is the loser's when that was chosen", "Boss", "Chief", { title: "loser" }, "Chief"],
    ["becomes null when the loser's was chosen and is null", "Boss", null, { title: "loser" }, null],
    ["is the longest", "Boss", "Chief", { title: "longest" }, "Chief"],
    ["is the longest, which it was already", "Chairman", "Chief", { title: "longest" }, "Chairman"],
    ["is the newest", "Boss", "Chief", { title: "newest" }, "Chief"],
    ["is the newest that there is", "Boss", null, { title: "newest" }, "Boss"],
    ["is the oldest", "Boss", "Chief", { title: "oldest" }, "Boss"],
  ])("%s", (_case, winners, losers, survivorship, title) =>
    asSystem(async (client) => {
      const winner = await contact(client, { title: winners, updated_at: new Date(0) });
      const loser = await contact(client, { title: losers });
      await merge(client, "contacts", winner, loser, survivorship);
      expect(await row(client, "crm.contacts", winner)).toMatchObject({ title, deleted_at: null });
      expect(await row(client, "crm.contacts", loser)).toMatchObject({ title: losers, deleted_at: expect.any(Date) });
    }),
  );

  test("is combined when it is an object, and says what was taken over", () =>
    asSystem(async (client) => {
      const winner = await contact(client, { attributes: { a: 1 } });
      const loser = await contact(client, { attributes: { a: 2, b: 3 }, linkedin_url: "https://li.test/x" });
      const merged = await merge(client, "contacts", winner, loser, { firstName: "loser" });
      expect(merged).toMatchObject({
        survivorship: { first_name: "loser" },
        fields: {
          attributes: { from: { a: 1 }, to: { a: 1, b: 3 } },
          linkedin_url: { from: null, to: "https://li.test/x" },
        },
      });
    }));

  test("is unsubscribed when either was, unless the other one is chosen", () =>
    asSystem(async (client) => {
      const winner = await contact(client);
      const gone = () => contact(client, { status: "unsubscribed" });
      await merge(client, "contacts", winner, await gone(), { status: "winner" });
      expect(await row(client, "crm.contacts", winner)).toMatchObject({ status: "active" });
      await merge(client, "contacts", winner, await gone());
      expect(await row(client, "crm.contacts", winner)).toMatchObject({ status: "unsubscribed" });
    }));

  test("survives together with those that mean nothing alone, and is free to take what is unique", () =>
    asSystem(async (client) => {
      const winner = await company(client, { city: "Lyon", annual_revenue_minor: null, currency: null });
      const loser = await company(client, {
        city: "Paris",
        address_line1: "1 rue Bleue",
        annual_revenue_minor: 500,
        currency: "EUR",
        domain: "acme.test",
      });
      await merge(client, "companies", winner, loser);
      expect(await row(client, "crm.companies", winner)).toMatchObject({
        city: "Lyon",
        address_line1: null,
        annual_revenue_minor: "500",
        currency: "EUR",
        domain: "acme.test",
      });
    }));

  test.each([
    ["is not known", { shoeSize: "winner" }, /^"shoe_size" is not a field .* These are: attributes, date_of_birth, /],
    ["belongs to the system", { deletedAt: "loser" }, /^"deleted_at" is not a field/],
    ["is chosen in a way that is not known", { title: "best" }, /by "best"\. .* winner, loser, newest/],
    ["is given a value", { title: { value: "x" } }, /cannot be chosen by \{"value": "x"\}/],
    ["is no object to combine", { title: "combine" }, /^"title" is one value/],
  ])("is refused when it %s", (_case, survivorship, message) =>
    asSystem(async (client) => {
      const values = [await contact(client), await contact(client), survivorship];
      expect(await managerRefusal(client, MERGE.contacts, values)).toMatchObject({
        code: "RH004",
        column: "survivorship",
        message: expect.stringMatching(message),
      });
    }),
  );
});

describe("what refers to the loser", () => {
  const primaries = async (client: PoolClient, id: string) => {
    const { primary_email, primary_phone_e164 } = await row(client, "crm.contacts", id);
    return [primary_email, primary_phone_e164];
  };

  test("refers to the winner: what is known, what was said, what happened", () =>
    asSystem(async (client) => {
      const [winner, loser] = [await contact(client), await contact(client)];
      const about = { contact_id: loser };
      const rows = [
        ["crm.contact_addresses", { ...about, city: "Lyon" }],
        ["crm.positions", { ...about, company_id: await company(client) }],
        ["crm.contact_consents", { ...about, channel: "email", is_granted: false }],
        ["crm.contact_timeline_events", { ...about, event_type: "note.added", title: "Said no" }],
        ["outreach.messages", { ...about, channel: "email", recipient_address: "a@x.test" }],
        ["inbox.inbox_threads", { ...about, channel: "email" }],
        ["outreach.tasks", { ...about, title: "Call" }],
      ] as const;
      const made = [];
      for (const [table, values] of rows) made.push([table, (await insertInto(client, table, values)).id] as const);
      const merged = await merge(client, "contacts", winner, loser);
      expect(merged).toMatchObject({ moved_count: rows.length, dropped_count: 0 });
      for (const [table, id] of made) expect(await row(client, table, id)).toMatchObject({ contact_id: winner });
      // What never changes still does not for anybody else.
      const back = "update crm.contact_consents set contact_id = $1";
      expect(await refusal(client, back, [loser])).toMatchObject({ code: "42501" });
    }));

  test("stays with the loser, deleted, where the winner has the same", () =>
    asSystem(async (client) => {
      const [winner, loser] = [await contact(client), await contact(client)];
      const tag = await insertInto(client, "crm.contact_tags", { name: "vip" });
      const segment = await insertInto(client, "outreach.segments", { name: "All", type: "static" });
      for (const contact_id of [winner, loser]) {
        await insertInto(client, "crm.contact_tag_mapping", { contact_id, contact_tag_id: tag.id });
        await insertInto(client, "crm.contact_attributes", { contact_id, key: "level", value: JSON.stringify("gold") });
        await insertInto(client, "outreach.segment_members", { contact_id, segment_id: segment.id });
      }
      expect(await row(client, "outreach.segments", segment.id)).toMatchObject({ member_count: "2" });
      expect(await merge(client, "contacts", winner, loser)).toMatchObject({ moved_count: 0, dropped_count: 3 });
      for (const table of ["crm.contact_tag_mapping", "crm.contact_attributes", "outreach.segment_members"]) {
        const { rows } = await client.query(`select contact_id, deleted_at is null as lives from ${table} order by 2`);
        expect(rows).toEqual([
          { contact_id: loser, lives: false },
          { contact_id: winner, lives: true },
        ]);
      }
      expect(await row(client, "outreach.segments", segment.id)).toMatchObject({ member_count: "1" });
    }));

  test("stays with the loser as it is where it was sent already", () =>
    asSystem(async (client) => {
      const [winner, loser] = [await contact(client), await contact(client)];
      const campaign_id = (await insertInto(client, "outreach.campaigns", { name: "Spring", channel: "email" })).id;
      await insertInto(client, "outreach.campaign_recipients", { campaign_id, contact_id: winner });
      const sent = { campaign_id, contact_id: loser, queued_at: new Date(), sent_at: new Date() };
      const { id } = await insertInto(client, "outreach.campaign_recipients", sent);
      expect(await merge(client, "contacts", winner, loser)).toMatchObject({ dropped_count: 1 });
      expect(await row(client, "outreach.campaign_recipients", id)).toMatchObject({
        contact_id: loser,
        deleted_at: null,
      });
    }));

  test("leaves the winner's primary identifiers primary, and fills in those it lacks", () =>
    asSystem(async (client) => {
      const [winner, loser] = [await contact(client), await contact(client)];
      await identifier(client, winner, "email", "w@x.test");
      const other = await identifier(client, loser, "email", "l@x.test");
      await identifier(client, loser, "phone", "+12065550100");
      await merge(client, "contacts", winner, loser);
      expect(await primaries(client, winner)).toEqual(["w@x.test", "+12065550100"]);
      expect(await row(client, "crm.channel_identifiers", other)).toMatchObject({
        contact_id: winner,
        is_primary: false,
      });
      expect(await primaries(client, loser)).toEqual([null, null]);
    }));

  test("brings its primary identifiers where they were chosen", () =>
    asSystem(async (client) => {
      const [winner, loser] = [await contact(client), await contact(client)];
      await identifier(client, winner, "email", "w@x.test");
      await identifier(client, winner, "phone", "+12065550101");
      // The winner knows the address as well, as an ordinary one.
      const known = await identifier(client, winner, "email", "l@x.test", false);
      await identifier(client, loser, "email", "l@x.test");
      await identifier(client, loser, "sms", "+12065550102");
      await merge(client, "contacts", winner, loser, { primaryEmail: "loser", primaryPhoneE164: "loser" });
      expect(await primaries(client, winner)).toEqual(["l@x.test", "+12065550102"]);
      expect(await row(client, "crm.channel_identifiers", known)).toMatchObject({ is_primary: true });
    }));

  test("is primary on the winner's behalf where the loser's is dropped", () =>
    asSystem(async (client) => {
      const [winner, loser] = [await contact(client), await contact(client)];
      const lead_id = (await insertInto(client, "crm.leads", { first_name: "Ann" })).id;
      const kept = await insertInto(client, "crm.lead_contacts", { lead_id, contact_id: winner });
      await insertInto(client, "crm.lead_contacts", { lead_id, contact_id: loser, is_primary: true });
      await merge(client, "contacts", winner, loser);
      expect(await row(client, "crm.lead_contacts", kept.id)).toMatchObject({ is_primary: true, deleted_at: null });
    }));

  test("keeps to companies, too: jobs, leads and tasks", () =>
    asSystem(async (client) => {
      const [winner, loser] = [await company(client), await company(client)];
      const job = await insertInto(client, "crm.positions", { contact_id: await contact(client), company_id: loser });
      const lead = await insertInto(client, "crm.leads", { company_id: loser });
      const task = await insertInto(client, "outreach.tasks", { title: "Call", company_id: loser });
      await merge(client, "companies", winner, loser);
      expect(await row(client, "crm.positions", job.id)).toMatchObject({ company_id: winner });
      expect(await row(client, "crm.leads", lead.id)).toMatchObject({ company_id: winner });
      expect(await row(client, "outreach.tasks", task.id)).toMatchObject({ company_id: winner });
    }));
});
