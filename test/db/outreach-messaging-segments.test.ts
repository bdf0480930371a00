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

const contactsOf = async (client: PoolClient, count: number): Promise<string[]> => {
  const { rows } = await client.query<{ id: string }>(
    "insert into crm.contacts (first_name) select 'Ann ' || n from generate_series(1, $1) n returning id",
    [count],
  );
  return rows.map(({ id }) => id);
};
const memberCount = async (client: PoolClient, id: string) =>
  (await client.query("select member_count::int as n from outreach.segments where id = $1", [id])).rows[0].n;

describe("a static segment", () => {
  const insertion = "insert into outreach.segment_members (segment_id, contact_id) select $1, unnest($2::uuid[])";

  test("counts its members, has each once, and takes back one that went out, unless it came in again", () =>
    as("member", async (client) => {
      const { id } = await insert(client, "segments", { name: "Friends" });
      const contacts = await contactsOf(client, 5);
      await client.query(insertion, [id, contacts]);
      expect(await memberCount(client, id)).toBe(5);
      const key = { constraint: "segment_members_segment_id_contact_id_key" };
      expect(await refusal(client, insertion, [id, [contacts[0]]])).toMatchObject(key);
      const mark = (value: string) =>
        `update outreach.segment_members set deleted_at = ${value} where segment_id = $1 and contact_id = any ($2)
         and id in (select min(id::text)::uuid from outreach.segment_members group by contact_id)`;
      await client.query(mark("now()"), [id, contacts.slice(0, 2)]);
      expect(await memberCount(client, id)).toBe(3);
      await client.query(mark("null"), [id, [contacts[0]]]);
      expect(await memberCount(client, id)).toBe(4);
      await client.query(insertion, [id, [contacts[1]]]);
      expect(await refusal(client, mark("null"), [id, [contacts[1]]])).toMatchObject(key);
      await become(client, "system");
      await client.query("delete from outreach.segment_members where segment_id = $1", [id]);
      expect(await memberCount(client, id)).toBe(0);
    }));

  test("has no rules, and none by whom members come in", () =>
    as("system", async (client) => {
      const { id } = await insert(client, "segments", { name: "Friends" });
      const [contact_id] = await contactsOf(client, 1);
      expect(
        await refusal(
          client,
          "insert into outreach.segment_rules (segment_id, field, operator) values ($1, 'tags', 'is_set')",
          [id],
        ),
      ).toMatchObject({
        code: "RH004",
        message: 'Segment "Friends" is static and has no rules. Make a dynamic segment.',
      });
      const byRule =
        "insert into outreach.segment_members (segment_id, contact_id, added_reason) values ($1, $2, 'rule')";
      expect(await refusal(client, byRule, [id, contact_id])).toMatchObject({ code: "RH004", column: "addedReason" });
    }));

  test("keeps its type, and its counts are nobody's to write", () =>
    as("member", async (client) => {
      await insert(client, "segments", { name: "Friends" });
      for (const change of ["type = 'dynamic'", "member_count = 7", "evaluated_at = now()"])
        expect(await refusal(client, `update outreach.segments set ${change}`)).toMatchObject({ code: "42501" });
    }));
});

describe("a dynamic segment", () => {
  test("is filled by its rules only", () =>
    as("member", async (client) => {
      const { id } = await insert(client, "segments", { name: "Actives", type: "dynamic" });
      const [contact_id] = await contactsOf(client, 1);
      expect(
        await refusal(client, "insert into outreach.segment_members (segment_id, contact_id) values ($1, $2)", [
          id,
          contact_id,
        ]),
      ).toMatchObject({ code: "RH004", column: "segmentId" });
      await become(client, "system");
      await insert(client, "segment_members", { segment_id: id, contact_id, added_reason: "rule" });
      expect(await memberCount(client, id)).toBe(1);
    }));

  const ok: [string, string | null][] = [
    ["is_set", null],
    ["is_not_set", null],
    ["equals", '"active"'],
    ["equals", "false"],
    ["not_equals", "7"],
    ["contains", '"a"'],
    ["in", '["a", 1, true]'],
    ["not_in", '["a"]'],
    ["between", "[1, 2]"],
    ["between", '["2026-01-01", "2026-12-31"]'],
    ["greater_than", "1.5"],
    ["less_or_equal", '"2026-01-01"'],
    ["within_last_days", "30"],
  ];
  const wrong: [string, string | null][] = [
    ["is_set", '"x"'],
    ["is_not_set", "null"],
    ["equals", null],
    ["equals", "null"],
    ["equals", "[1]"],
    ["contains", "1"],
    ["starts_with", '""'],
    ["in", '"a"'],
    ["in", "[]"],
    ["in", "[[1]]"],
    ["not_in", "[null]"],
    ["not_in", '[{"a": 1}]'],
    ["between", "[1]"],
    ["between", '[1, "2"]'],
    ["between", "[true, false]"],
    ["greater_than", "true"],
    ["greater_than", null],
    ["within_last_days", '"30"'],
    ["not_within_last_days", "-1"],
  ];
  const insertion = "insert into outreach.segment_rules (segment_id, field, operator, value) values ($1, $2, $3, $4)";

  test("has rules whose value is as their operator asks", () =>
    as("member", async (client) => {
      const { id } = await insert(client, "segments", { name: "Actives", type: "dynamic" });
      for (const [operator, value] of ok) await client.query(insertion, [id, "attributes.plan", operator, value]);
      for (const [operator, value] of wrong) {
        const error = await refusal(client, insertion, [id, "status", operator, value]);
        expect(error).toMatchObject({ constraint: "segment_rules_value_check" });
      }
    }));

  test.each(["", "a b", "1a", "a;drop", "a.b.c.d.e", "a.", "a'"])("has no rule on the field %j", (field) =>
    as("member", async (client) => {
      const { id } = await insert(client, "segments", { name: "Actives", type: "dynamic" });
      expect(await refusal(client, insertion, [id, field, "is_set", null])).toMatchObject({
        constraint: "segment_rules_field_check",
      });
    }),
  );

  test("has a history that only grows and tells when it was last evaluated", () =>
    as("system", async (client) => {
      const { id } = await insert(client, "segments", { name: "Actives", type: "dynamic" });
      await client.query(
        `insert into outreach.segment_history (segment_id, member_count, added_count, evaluated_at)
         values ($1, 3, 3, '2026-01-02Z'), ($1, 1, 1, '2026-01-01Z')`,
        [id],
      );
      const { rows } = await client.query("select evaluated_at from outreach.segments where id = $1", [id]);
      expect(rows[0].evaluated_at).toEqual(new Date("2026-01-02Z"));
      for (const sql of [
        "update outreach.segment_history set member_count = 9",
        "delete from outreach.segment_history",
      ])
        expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
      await client.query("reset role");
      await become(client, "member");
      expect(
        await refusal(client, "insert into outreach.segment_history (segment_id, member_count) values ($1, 1)", [id]),
      ).toMatchObject({ code: "42501" });
    }));
});

test("a deleted segment or prompt leaves its name free, and comes back only while the name is", () =>
  as("member", async (client) => {
    for (const [table, row] of [
      ["segments", { name: "Friends" }],
      ["prompts", { name: "Opener", user_text: "Write." }],
    ] as const) {
      const { id } = await insert(client, table, row);
      await client.query(`update outreach.${table} set deleted_at = now() where id = $1`, [id]);
      await insert(client, table, row);
      expect(await refusal(client, `update outreach.${table} set deleted_at = null where id = $1`, [id])).toMatchObject(
        { constraint: `${table}_name_key` },
      );
    }
  }));
