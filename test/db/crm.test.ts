import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, type Sender } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { company, contact, identifier, row } from "../support/merges.ts";
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

/** The error of an insert that ought to be refused. */
const insertRefusal = (client: PoolClient, table: string, values: object) =>
  refusal(
    client,
    `insert into ${table} (${Object.keys(values).join(", ")}) values (${Object.keys(values).map((_, i) => `$${i + 1}`)})`,
    Object.values(values),
  );

describe("a value is refused", () => {
  const json = JSON.stringify;
  test.each([
    ["channel_identifiers", { channel: "email", identifier: "Ann@x.test" }, "channel_identifiers_identifier_check"],
    ["channel_identifiers", { channel: "email", identifier: "ann" }, "channel_identifiers_identifier_check"],
    ["channel_identifiers", { channel: "whatsapp", identifier: "0612345678" }, "channel_identifiers_identifier_check"],
    ["channel_identifiers", { channel: "linkedin", identifier: " " }, "channel_identifiers_identifier_check"],
    ["channel_identifiers", { channel: "fax", identifier: "x" }, "channel_check"],
    ["contact_addresses", { kind: "home" }, "contact_addresses_address_line1_check"],
    ["contact_addresses", { city: "x", valid_from: "2020-02-01", valid_until: "2020-01-01" }, /valid_until_check$/],
    ["contact_attributes", { key: "Level", value: json("gold") }, "contact_attributes_key_check"],
    ["contact_attributes", { key: "x", data_type: "number", value: json("7") }, "contact_attributes_value_check"],
    ["contact_attributes", { key: "x", data_type: "boolean", value: json(1) }, "contact_attributes_value_check"],
    ["contact_attributes", { key: "x", data_type: "date", value: json("2020-02-30") }, /_value_check$/],
    ["contact_attributes", { key: "x", data_type: "timestamp", value: json("noon") }, /_value_check$/],
    ["contact_consents", { channel: "email", is_granted: true, proof: json([]) }, "contact_consents_proof_check"],
    ["contact_consents", { channel: "email", is_granted: true, expires_at: new Date(0) }, /expires_at_check$/],
    ["contact_timeline_events", { event_type: "Call!", title: "x" }, "contact_timeline_events_event_type_check"],
    ["contact_timeline_events", { event_type: "call", title: " " }, "contact_timeline_events_title_check"],
  ])("of %s: %j", (table, values, constraint) =>
    asSystem(async (client) => {
      const about = { contact_id: await contact(client), ...values };
      expect(await insertRefusal(client, `crm.${table}`, about)).toMatchObject({
        code: "23514",
        constraint: typeof constraint === "string" ? constraint : expect.stringMatching(constraint),
      });
    }),
  );

  test.each([
    ["contacts", { primary_email: "Ann@x.test" }, "contacts_primary_email_check"],
    ["contacts", { attributes: json([]) }, "contacts_attributes_check"],
    ["contacts", { status: "lost" }, "contact_status_check"],
    ["companies", { name: "A", annual_revenue_minor: 1 }, "companies_annual_revenue_minor_check"],
    ["companies", { name: "A", siren: "12345678" }, "companies_siren_check"],
    ["companies", { name: "A", naf_code: "6201" }, "companies_naf_code_check"],
    ["companies", { name: "A", domain: "A.test" }, "companies_domain_check"],
    ["leads", { phones: json({}) }, "leads_phones_check"],
    ["leads", { flags: json([]) }, "leads_flags_check"],
    ["leads", { attempt_count: -1 }, "leads_attempt_count_check"],
    ["contact_tags", { name: "vip", color: "red" }, "contact_tags_color_check"],
  ])("of %s: %j", (table, values, constraint) =>
    asSystem(async (client) =>
      expect(await insertRefusal(client, `crm.${table}`, values)).toMatchObject({ code: "23514", constraint }),
    ),
  );
});

describe("what is unique among the living", () => {
  const cases: [string, string, (client: PoolClient) => Promise<object>][] = [
    ["companies", "companies_domain_key", async () => ({ name: "Acme", domain: "acme.test" })],
    ["contact_tags", "contact_tags_name_key", async () => ({ name: "vip" })],
    ["lead_labels", "lead_labels_name_key", async () => ({ name: "hot" })],
    ["sectors", "sectors_name_key", async () => ({ name: "Software" })],
    [
      "channel_identifiers",
      "channel_identifiers_contact_id_channel_identifier_key",
      async (client) => ({ contact_id: await contact(client), channel: "email", identifier: "a@x.test" }),
    ],
    [
      "contact_attributes",
      "contact_attributes_contact_id_key_key",
      async (client) => ({ contact_id: await contact(client), key: "level", value: JSON.stringify("gold") }),
    ],
    [
      "contact_tag_mapping",
      "contact_tag_mapping_contact_id_contact_tag_id_key",
      async (client) => ({
        contact_id: await contact(client),
        contact_tag_id: (await insertInto(client, "crm.contact_tags", { name: "vip" })).id,
      }),
    ],
    [
      "positions",
      "positions_is_primary_key",
      async (client) => ({ contact_id: await contact(client), company_id: await company(client), is_primary: true }),
    ],
  ];

  test.each(cases)(
    "in %s is free again after a deletion, and a restore reports the conflict",
    (table, constraint, make) =>
      asSystem(async (client) => {
        const values = (await make(client)) as Record<string, unknown>;
        const first = await insertInto(client, `crm.${table}`, values);
        expect(await insertRefusal(client, `crm.${table}`, values)).toMatchObject({ code: "23505", constraint });
        await client.query(`update crm.${table} set deleted_at = now() where id = $1`, [first.id]);
        await insertInto(client, `crm.${table}`, values);
        const restore = `update crm.${table} set deleted_at = null where id = $1`;
        expect(await refusal(client, restore, [first.id])).toMatchObject({ code: "23505", constraint });
      }),
  );
});

test("a contact has one primary identifier per channel", () =>
  asSystem(async (client) => {
    const contact_id = await contact(client);
    await identifier(client, contact_id, "email", "a@x.test");
    await identifier(client, contact_id, "email", "b@x.test", false);
    await identifier(client, contact_id, "phone", "+12065550100");
    const second = { contact_id, channel: "email", identifier: "c@x.test", is_primary: true };
    expect(await insertRefusal(client, "crm.channel_identifiers", second)).toMatchObject({
      code: "23505",
      constraint: "channel_identifiers_is_primary_key",
    });
  }));

test("a job that has ended is not the primary one", () =>
  asSystem(async (client) => {
    const job = { contact_id: await contact(client), company_id: await company(client), is_primary: true };
    expect(await insertRefusal(client, "crm.positions", { ...job, ended_on: "2020-01-01" })).toMatchObject({
      constraint: "positions_is_primary_check",
    });
  }));

describe("history", () => {
  test.each([
    ["contact_consents", { channel: "email", is_granted: true }],
    ["contact_timeline_events", { event_type: "note.added", title: "Met" }],
  ])("in %s is added to and never changed, and goes with the contact", async (table, values) => {
    const client = await database.admin.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [acme.tenantId]);
      const tenant = { tenant_id: acme.tenantId };
      const contactId = await contact(client, tenant);
      await insertInto(client, `crm.${table}`, { ...tenant, contact_id: contactId, ...values });
      for (const sql of [
        `update crm.${table} set channel = 'sms'`,
        `delete from crm.${table}`,
        `truncate crm.${table}`,
      ])
        expect(await refusal(client, sql)).toMatchObject({ code: "RH005" });
      await client.query("delete from crm.contacts where id = $1", [contactId]);
      expect((await client.query(`select from crm.${table} where contact_id = $1`, [contactId])).rowCount).toBe(0);
    } finally {
      await client.query("rollback");
      client.release();
    }
  });

  test("of consents keeps every answer; the latest of each channel and purpose holds", () =>
    asSystem(async (client) => {
      const contact_id = await contact(client);
      const answers: [string, string, boolean, string][] = [
        ["email", "marketing", true, "2024-01-01"],
        ["email", "marketing", false, "2025-01-01"],
        ["email", "service", true, "2023-01-01"],
        ["sms", "marketing", false, "2022-01-01"],
        ["sms", "marketing", true, "2023-01-01"],
        ["sms", "marketing", false, "9999-01-01"],
      ];
      for (const [channel, purpose, is_granted, decided_at] of answers)
        await insertInto(client, "crm.contact_consents", { contact_id, channel, purpose, is_granted, decided_at });
      const { rows } = await client.query(
        `select k.channel, k.purpose, k.is_granted from crm.contacts c, crm.contacts_current_consents(c) k
         where c.id = $1 order by 1, 2`,
        [contact_id],
      );
      expect(rows).toEqual([
        { channel: "email", purpose: "marketing", is_granted: false },
        { channel: "email", purpose: "service", is_granted: true },
        { channel: "sms", purpose: "marketing", is_granted: true },
      ]);
    }));
});

test("a sector never lies within itself, however it is moved", () =>
  asSystem(async (client) => {
    const sector = async (name: string, parent_id?: string) =>
      (await insertInto(client, "crm.sectors", { name, parent_id })).id as string;
    const top = await sector("Industry");
    const middle = await sector("Construction", top);
    const bottom = await sector("Roofing", middle);
    const move = "update crm.sectors set parent_id = $2 where id = $1";
    expect(await refusal(client, move, [top, bottom])).toMatchObject({
      code: "RH003",
      message: 'Sector "Industry" cannot lie within itself. Choose a sector outside of it.',
    });
    expect(await refusal(client, move, [top, top])).toMatchObject({ constraint: "sectors_parent_id_check" });
    await client.query(move, [bottom, top]);
    expect(await row(client, "crm.sectors", bottom)).toMatchObject({ parent_id: top });
  }));

test("a contact's names and age follow from what was entered", () =>
  asSystem(async (client) => {
    const id = await contact(client, { last_name: "Lee", date_of_birth: "1980-02-29" });
    await client.query("set local role rowhouse_viewer");
    const { rows } = await client.query(
      "select c.full_name, crm.contacts_age(c) as age, extract(year from age(c.date_of_birth))::int as years from crm.contacts c",
    );
    expect(rows).toEqual([{ full_name: "Ann Lee", age: expect.any(Number), years: rows[0].age }]);
    await client.query("set local role rowhouse_system");
    await client.query("update crm.contacts set first_name = null, last_name = null where id = $1", [id]);
    expect(await row(client, "crm.contacts", id)).toMatchObject({ full_name: null });
  }));
