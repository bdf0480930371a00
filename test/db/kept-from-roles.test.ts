import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

let database: TestDatabase;
let tenantId: string;
let actorId: string;
const everybody = ["viewer", "viewer_masked", "member", "manager", "admin"];

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
  await asTenant(
    database,
    { tenantId, actorId },
    (client) =>
      insertInto(client, "lists.connections", {
        name: "Partner",
        kind: "sftp",
        config: { host: "partner.example", port: 22, username: "acme", path: "/in", hostKey: "SHA256:x" },
      }),
    { commit: true },
  );
});

afterAll(() => database?.drop());

/** Which roles may run a statement. */
async function who(sql: string): Promise<string[]> {
  const allowed: string[] = [];
  for (const role of everybody)
    await asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, async (client) => {
      const error = (await refusal(client, sql).catch(() => undefined)) as { code?: string } | undefined;
      if (error?.code === undefined) allowed.push(role);
    });
  return allowed;
}

describe("what a tenant is", () => {
  test("is told to everybody in it, and by what it pays to admins alone", async () => {
    expect(await who("select name, plan, status, settings from iam.tenants")).toEqual(everybody);
    expect(await who("select billing_reference from iam.tenants")).toEqual(["admin"]);
    expect(await who("select t from iam.tenants t")).toEqual(["admin"]);
  });

  test("is set by admins: its name, its time zone, its settings, but neither plan nor status, nor whether it is there", async () => {
    expect(await who("update iam.tenants set name = 'Acme', time_zone = 'UTC', settings = '{}'")).toEqual(["admin"]);
    for (const set of [
      "plan = 'free'",
      "status = 'active'",
      "slug = 'x'",
      "billing_reference = 'x'",
      "deleted_at = now()",
    ])
      expect({ set, by: await who(`update iam.tenants set ${set}`) }).toEqual({ set, by: [] });
    expect(await who("delete from iam.tenants")).toEqual([]);
    expect(await who("insert into iam.tenants (name, slug) values ('Mine', 'mine')")).toEqual([]);
  });

  test("says whether contact data is masked by the word of an admin, with a value that means something", async () => {
    expect(await who("select iam.mask_contact_data(true)")).toEqual(["admin"]);
    await asTenant(database, { tenantId, actorId, role: "rowhouse_admin" }, async (client) => {
      for (const settings of [{ maskContactDataForViewers: "yes" }, { unmasksPerHour: -1 }, { unmasksPerHour: 1.5 }])
        expect(await refusal(client, "update iam.tenants set settings = $1", [settings])).toMatchObject({
          code: "RH004",
        });
    });
  });
});

describe("a place that exports go to", () => {
  test("is known to everybody; where it is and how one gets in, to managers and admins", async () => {
    expect(await who("select name, kind, status from lists.connections")).toEqual(everybody);
    for (const column of ["config", "column_mapping", "last_test_error"])
      expect(await who(`select ${column} from lists.connections`)).toEqual(["manager", "admin"]);
    expect(await who("select lists.connections_has_secret(c) from lists.connections c")).toEqual(["manager", "admin"]);
  });
});

test("webhooks that came in, and what automations did, are for managers and admins", async () => {
  for (const table of ["pipeline.webhook_sources", "pipeline.webhook_events", "pipeline.automation_runs"])
    expect({ table, by: await who(`select from ${table}`) }).toEqual({ table, by: ["manager", "admin"] });
  expect(await who("select from audit.audit_logs")).toEqual(["admin"]);
});
