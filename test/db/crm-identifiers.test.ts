import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, type Sender } from "../support/graphql-api.ts";
import { contact, identifier, row } from "../support/merges.ts";
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

const primaries = async (client: PoolClient, id: string) => {
  const { primary_email, primary_phone_e164 } = await row(client, "crm.contacts", id);
  return [primary_email, primary_phone_e164];
};

describe("the primary address and number of a contact", () => {
  test("follow its primary identifiers: added, changed, demoted, deleted, restored, erased", () =>
    asSystem(async (client) => {
      const id = await contact(client);
      const email = await identifier(client, id, "email", "a@x.test");
      const other = await identifier(client, id, "email", "b@x.test", false);
      const phone = await identifier(client, id, "phone", "+12065550100");
      expect(await primaries(client, id)).toEqual(["a@x.test", "+12065550100"]);
      const set = (what: string, which: string) =>
        client.query(`update crm.channel_identifiers set ${what} where id = $1`, [which]);
      await set("identifier = 'c@x.test'", email);
      expect(await primaries(client, id)).toEqual(["c@x.test", "+12065550100"]);
      await set("is_primary = false", email);
      await set("is_primary = true", other);
      expect(await primaries(client, id)).toEqual(["b@x.test", "+12065550100"]);
      await set("deleted_at = now()", phone);
      expect(await primaries(client, id)).toEqual(["b@x.test", null]);
      await set("deleted_at = null", phone);
      expect(await primaries(client, id)).toEqual(["b@x.test", "+12065550100"]);
      await client.query("delete from crm.channel_identifiers where contact_id = $1", [id]);
      expect(await primaries(client, id)).toEqual([null, null]);
    }));

  test("come from the number for calls, else from the one for text messages", () =>
    asSystem(async (client) => {
      const id = await contact(client);
      await identifier(client, id, "sms", "+12065550101");
      expect(await primaries(client, id)).toEqual([null, "+12065550101"]);
      await identifier(client, id, "phone", "+12065550100");
      expect(await primaries(client, id)).toEqual([null, "+12065550100"]);
    }));

  test("are not written by clients", () =>
    asSystem(async (client) => {
      await client.query("set local role rowhouse_admin");
      for (const column of ["primary_email", "primary_phone_e164"])
        expect(await refusal(client, `update crm.contacts set ${column} = null`)).toMatchObject({ code: "42501" });
    }));

  test("are kept by one update for a statement of any size, and none where nothing changes", async () => {
    const client = await database.admin.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [acme.tenantId]);
      await client.query(`
        create table crm.updates_seen (n integer);
        grant all on crm.updates_seen to public;
        create function crm.note_update() returns trigger language plpgsql security definer as
          $$ begin insert into crm.updates_seen select count(*) from new_rows; return null; end $$;
        create trigger note_update after update on crm.contacts referencing new table as new_rows
          for each statement execute function crm.note_update()`);
      const seen = async () => {
        const { rows } = await client.query("delete from crm.updates_seen where n > 0 returning n");
        return rows.map(({ n }) => n);
      };
      const bulk = (sql: string) => client.query(sql, [acme.tenantId]);
      await bulk(
        "insert into crm.contacts (tenant_id, first_name) select $1, 'P' || i from generate_series(1, 2000) i",
      );
      await bulk(`insert into crm.channel_identifiers (tenant_id, contact_id, channel, identifier, is_primary)
        select tenant_id, id, 'email', lower(first_name) || '@x.test', true from crm.contacts where tenant_id = $1`);
      expect(await seen()).toEqual([2000]);
      await bulk("update crm.channel_identifiers set label = 'work' where tenant_id = $1");
      expect(await seen()).toEqual([]);
      await bulk("update crm.channel_identifiers set identifier = 'new.' || identifier where tenant_id = $1");
      expect(await seen()).toEqual([2000]);
      await bulk("update crm.channel_identifiers set deleted_at = now() where tenant_id = $1");
      expect(await seen()).toEqual([2000]);
    } finally {
      await client.query("rollback");
      client.release();
    }
  });
});

describe("a contact is found through an index, under the policies of a request", () => {
  const lookups = {
    contacts_primary_email_idx: "select from crm.contacts where primary_email = 'p77@x.test'",
    contacts_primary_phone_e164_idx: "select from crm.contacts where primary_phone_e164 = '+120655577'",
    channel_identifiers_identifier_idx: "select from crm.channel_identifiers where identifier = 'p77@x.test'",
    contacts_last_name_idx: "select from crm.contacts where last_name = 'L77' order by last_name, first_name, id",
  };

  test.each(Object.entries(lookups))("%s", (index, sql) =>
    asSystem(async (client) => {
      await client.query(`insert into crm.contacts (first_name, last_name, primary_email, primary_phone_e164)
        select 'P' || i, 'L' || i, 'p' || i || '@x.test', '+1206555' || i from generate_series(1, 3000) i`);
      await client.query(`insert into crm.channel_identifiers (contact_id, channel, identifier, is_primary)
        select id, 'email', primary_email, true from crm.contacts where primary_email is not null`);
      await client.query("set local role rowhouse_viewer");
      const { rows } = await client.query<{ "QUERY PLAN": string }>(`explain ${sql}`);
      expect(rows.map((line) => line["QUERY PLAN"]).join("\n")).toContain(`using ${index}`);
    }),
  );
});
