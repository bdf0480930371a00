import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { DatabaseError, PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, inTenant } from "../support/jobs.ts";

let database: TestDatabase;
let tenantId: string;
let listId: string;
let otherListId: string;
let entryIds: string[];

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database?.drop();
});

beforeEach(async () => {
  ({ tenantId } = await createTenant(database));
  await inTenant(database, tenantId, async (client) => {
    const lists = await client.query<{ id: string }>(
      "insert into lists.lists (name) values ('Leads'), ('Others') returning id",
    );
    [listId, otherListId] = lists.rows.map((row) => row.id) as [string, string];
    const entries = await client.query<{ id: string }>(
      "insert into lists.list_entries (list_id, full_name) select $1, 'Person ' || n from generate_series(1, 3) n returning id",
      [listId],
    );
    entryIds = entries.rows.map((row) => row.id);
  });
});

/** Runs SQL as a role of the tenant, and keeps what it did. */
const run = <T extends object>(role: string, sql: string, values: unknown[] = []): Promise<T[]> =>
  asTenant(
    database,
    { tenantId, role: `rowhouse_${role}` },
    async (client: PoolClient) => (await client.query<T>(sql, values)).rows,
    { commit: true },
  );

/** The error that SQL ends with: its code, message and field. */
const refusal = async (role: string, sql: string, values: unknown[] = []) => {
  const error = await run(role, sql, values).then(
    () => undefined,
    (reason: DatabaseError) => reason,
  );
  return error && { code: error.code, message: error.message, field: error.column };
};

describe("a data group", () => {
  const insertGroup = async (columns: object) => {
    const [row] = await run<{ id: string }>(
      "member",
      `insert into lists.data_groups (${Object.keys(columns).join(", ")})
       values (${Object.keys(columns).map((_, i) => `$${i + 1}`)}) returning id`,
      Object.values(columns),
    );
    return row!.id;
  };
  const countOf = async (group: string) =>
    (await run<{ n: string }>("viewer", "select entry_count as n from lists.data_groups where id = $1", [group]))[0]!.n;

  test("counts its living entries, however they come and go", async () => {
    const group = await insertGroup({ name: "Reached", kind: "rpc", tag: "RPC", list_id: listId });
    await run(
      "member",
      "insert into lists.data_group_entries (data_group_id, list_entry_id) select $1, unnest($2::uuid[])",
      [group, entryIds],
    );
    expect(await countOf(group)).toBe("3");
    await run(
      "member",
      "update lists.data_group_entries set deleted_at = now() where data_group_id = $1 and list_entry_id = $2",
      [group, entryIds[0]],
    );
    expect(await countOf(group)).toBe("2");
    await run("member", "insert into lists.data_group_entries (data_group_id, list_entry_id) values ($1, $2)", [
      group,
      entryIds[0],
    ]);
    await run("system", "delete from lists.data_group_entries where list_entry_id = $1", [entryIds[1]]);
    expect(await countOf(group)).toBe("2");
  });

  test("of one list takes no entry of another list, one across lists takes any", async () => {
    const narrow = await insertGroup({ name: "Here", list_id: otherListId });
    const wide = await insertGroup({ name: "Everywhere" });
    const add = "insert into lists.data_group_entries (data_group_id, list_entry_id) values ($1, $2)";
    expect(await refusal("member", add, [narrow, entryIds[0]])).toMatchObject({ code: "RH004", field: "listEntryId" });
    await run("member", add, [wide, entryIds[0]]);
    expect(await countOf(wide)).toBe("1");
  });

  test("has a name of its own in its list, and among those across lists", async () => {
    await insertGroup({ name: "VIP" });
    await insertGroup({ name: "VIP", list_id: listId });
    await expect(insertGroup({ name: "VIP" })).rejects.toMatchObject({ constraint: "data_groups_name_key" });
    await run("member", "update lists.data_groups set deleted_at = now() where list_id is null");
    await insertGroup({ name: "VIP" });
  });

  test("of disposition codes names them; a rule-based one has rules", async () => {
    await insertGroup({
      name: "No answer",
      kind: "dcode",
      disposition_codes: ["NA", "BUSY"],
      membership: "rule_based",
    });
    await expect(insertGroup({ name: "Codeless", kind: "dcode" })).rejects.toMatchObject({ code: "23514" });
    await expect(insertGroup({ name: "Odd", kind: "rpc", disposition_codes: ["NA"] })).rejects.toMatchObject({
      code: "23514",
    });
    await expect(insertGroup({ name: "Ruleless", membership: "rule_based" })).rejects.toMatchObject({ code: "23514" });
  });
});

describe("a filter rule", () => {
  const insert = "insert into lists.filter_rules (effect, match_type, value) values ('reject', $1, $2) returning value";
  const keep = async (kind: string, value: string) =>
    (await run<{ value: string }>("manager", insert, [kind, value]))[0]!.value;

  test.each([
    ["phone", "+1 (202) 224-3441", "+12022243441"],
    ["phone", "202.224.3442", "+12022243442"],
    ["phone", "0033 1 42 68 53 00", "+33142685300"],
    ["prefix", "+1 900", "+1900"],
    ["area_code", "(202)", "202"],
    ["email", " Anna@Example.COM ", "anna@example.com"],
    ["domain", "@Example.com.", "example.com"],
    ["domain", "*.mail.example.com", "mail.example.com"],
    ["pattern", "^\\+1900[0-9]{7}$", "^\\+1900[0-9]{7}$"],
  ])("on %s keeps %s as %s", async (kind, given, kept) => {
    expect(await keep(kind, given)).toBe(kept);
  });

  test.each([
    ["phone", "12345"],
    ["phone", "call me"],
    ["prefix", "+0"],
    ["area_code", "2024"],
    ["email", "example.com"],
    ["domain", "no spaces.com"],
    ["domain", "localhost"],
    ["pattern", "(unclosed"],
    ["pattern", ".*"],
    ["pattern", "^(a+)\\1$"],
  ])("on %s refuses %s and says what it wants", async (kind, value) => {
    expect(await refusal("manager", insert, [kind, value])).toEqual({
      code: "RH004",
      field: "value",
      message: expect.stringMatching(/must be .+ is not\.$/),
    });
  });

  test("is there once for one thing and place, unless the other one was deleted", async () => {
    await keep("email", "anna@example.com");
    await expect(keep("email", "ANNA@example.com")).rejects.toMatchObject({ constraint: "filter_rules_value_key" });
    await run("manager", "update lists.filter_rules set deleted_at = now()");
    await keep("email", "anna@example.com");
  });

  test("is made by managers, and read by all", async () => {
    expect(await refusal("member", insert, ["email", "anna@example.com"])).toMatchObject({ code: "42501" });
    await keep("email", "anna@example.com");
    expect(await run("viewer", "select value from lists.filter_rules")).toEqual([{ value: "anna@example.com" }]);
  });
});

describe("a score of name and number", () => {
  const insert = `insert into lists.rpc_scores (list_entry_id, name, phone_e164, features, score, verdict, method, method_version)
    values ($1, 'Anna Example', '+12022243441', '{"nameSimilarity": 0.9}', $2, $3, 'record_linkage', '1')`;

  test("is added by members and external runners, and never changed", async () => {
    await run("member", insert, [entryIds[0], 0.2, "wrong_party"]);
    await run("member", insert, [entryIds[0], 0.9, "right_party"]);
    for (const change of ["update lists.rpc_scores set score = 1", "delete from lists.rpc_scores"]) {
      expect(await refusal("member", change)).toMatchObject({ code: "42501" });
      await expect(inTenant(database, tenantId, (client) => client.query(change))).rejects.toMatchObject({
        code: "RH005",
      });
    }
    const [latest] = await run<{ latest: unknown }>(
      "viewer",
      "select (lists.list_entries_latest_rpc_score(e)).verdict as latest from lists.list_entries e where e.id = $1",
      [entryIds[0]],
    );
    expect(latest).toEqual({ latest: "right_party" });
  });

  test("is between 0 and 1, and goes with its entry", async () => {
    expect(await refusal("member", insert, [entryIds[0], 1.1, "right_party"])).toMatchObject({ code: "23514" });
    await run("member", insert, [entryIds[0], 1, "right_party"]);
    await run("system", "delete from lists.list_entries where id = $1", [entryIds[0]]);
    expect(await run("viewer", "select from lists.rpc_scores")).toEqual([]);
  });
});

describe("a connection", () => {
  const insert = "insert into lists.connections (name, kind, config) values ($1, $2, $3) returning id";
  const valid: [string, object][] = [
    ["webhook", { url: "https://example.test/hook", method: "PUT", headers: { "x-source": "rowhouse" } }],
    ["ftp", { host: "ftp.example.test", port: 21, isTls: true }],
    ["sftp", { host: "10.0.0.1", username: "up", hostKey: "SHA256:abc", path: "in/daily" }],
    ["s3", { bucket: "b", region: "us-east-1", endpoint: "https://s3.example.test", isPathStyle: true }],
    ["email", { to: ["anna@example.test"], cc: [], subject: "Your list" }],
  ];

  test.each(valid)("of kind %s takes its settings", async (kind, config) => {
    expect(await run("admin", insert, [`A ${kind}`, kind, config])).toHaveLength(1);
  });

  test.each<[string, object, RegExp]>([
    ["webhook", {}, /"url" is missing/],
    ["webhook", { url: "ftp://example.test" }, /must begin with https/],
    ["webhook", { url: "https://user@example.test/" }, /name no user/],
    ["webhook", { url: "https://example.test", headers: { Authorization: "Bearer x" } }, /secret/],
    ["ftp", { host: "ftp.example.test", password: "hunter2" }, /no setting "password".*Secrets are kept apart/],
    ["ftp", { host: "ftp.example.test", port: 99999 }, /port/],
    ["sftp", { host: "example.test", username: "up" }, /"hostKey" is missing/],
    ["sftp", { host: "example.test", username: "up", hostKey: "k", path: "a/../../b" }, /upwards/],
    ["s3", { bucket: "b", region: 1 }, /"region" must be of type string, not number/],
    ["s3", { bucket: "b", region: "r", endpoint: "10.0.0.1" }, /endpoint must begin/],
    ["email", { to: [] }, /"to" is empty/],
    ["email", { to: ["nobody"] }, /recipient/],
    ["email", { to: ["a@example.test"], subject: "a\nBcc: b@example.test" }, /one line/],
  ])("of kind %s with %j is refused", async (kind, config, message) => {
    expect(await refusal("admin", insert, ["Bad", kind, config])).toMatchObject({
      code: "RH004",
      field: "config",
      message: expect.stringMatching(message),
    });
  });

  test("maps each column to a name of its own", async () => {
    const [{ id }] = (await run<{ id: string }>("admin", insert, ["Hook", ...valid[0]!])) as [{ id: string }];
    const map = "update lists.connections set column_mapping = $2 where id = $1";
    await run("admin", map, [id, '[{"column": "phone_e164", "name": "Phone"}]']);
    for (const bad of ['["phone"]', '[{"column": "a", "name": "N"}, {"column": "b", "name": "N"}]', '[{"name": "N"}]'])
      expect(await refusal("admin", map, [id, bad])).toMatchObject({ code: "RH004", field: "columnMapping" });
  });

  test("is made by admins; its secret can be read by nobody, and only its presence is told", async () => {
    expect(await refusal("manager", insert, ["Hook", ...valid[0]!])).toMatchObject({ code: "42501" });
    const [{ id }] = (await run<{ id: string }>("admin", insert, ["Hook", ...valid[0]!])) as [{ id: string }];
    const told = "select lists.connections_has_secret(c) as told from lists.connections c";
    expect(await refusal("member", told)).toMatchObject({ code: "42501" });
    expect(await run("manager", told)).toEqual([{ told: false }]);
    await inTenant(database, tenantId, (client) =>
      client.query("insert into private.connection_secrets values ($1, $2, '\\x00')", [tenantId, id]),
    );
    expect(await run("manager", told)).toEqual([{ told: true }]);
    for (const role of ["admin", "system"])
      expect(await refusal(role, "select from private.connection_secrets")).toMatchObject({ code: "42501" });
  });
});

test("the deliveries of an export say what became of each attempt", async () => {
  const [made] = await run<{ id: string }>(
    "admin",
    `insert into lists.connections (name, kind, config) values ('Hook', 'webhook', '{"url": "https://example.test"}') returning id`,
  );
  const [{ id }] = (await run<{ id: string }>(
    "system",
    `with e as (insert into lists.export_jobs (list_id, connection_id, tag) values ($1, $2, 'sent') returning id)
     insert into lists.export_deliveries (export_job_id, connection_id, destination) select e.id, $2, 'https://example.test' from e returning id`,
    [listId, made!.id],
  )) as [{ id: string }];
  const move = "update lists.export_deliveries set status = $2, delivered_at = $3 where id = $1";
  expect(await refusal("system", move, [id, "delivered", new Date()])).toMatchObject({ code: "RH006" });
  await run("system", move, [id, "sending", null]);
  expect(await refusal("system", move, [id, "delivered", null])).toMatchObject({ code: "23514" });
  await run("system", move, [id, "delivered", new Date()]);
  expect(await refusal("member", move, [id, "failed", null])).toMatchObject({ code: "42501" });
});

describe("the status of", () => {
  const planned = "insert into lists.enrichment_plans (list_id, name) values ($1, 'Plan') returning id";
  const made: Record<string, (status: string) => Promise<{ id: string }[]>> = {
    list_imports: (status) =>
      run("system", "insert into lists.list_imports (list_id, status) values ($1, $2) returning id", [listId, status]),
    export_jobs: (status) =>
      run("system", "insert into lists.export_jobs (list_id, status) values ($1, $2) returning id", [listId, status]),
    enrichment_queue_jobs: async (status) => {
      const [plan] = await run<{ id: string }>("system", planned, [listId]);
      return run(
        "system",
        `insert into lists.enrichment_queue_jobs
           (enrichment_plan_id, list_id, run_number, batch_number, first_entry_id, last_entry_id, status)
         values ($1, $2, 1, 1, $3, $3, $4) returning id`,
        [plan!.id, listId, entryIds[0], status],
      );
    },
  };

  test.each([
    ["list_imports", ["awaiting_upload", "uploading", "interrupted", "uploading", "queued", "merging", "completed"]],
    ["list_imports", ["completed", "undoing", "undone"]],
    ["list_imports", ["uploading", "failed", "uploading", "cancelled"]],
    ["export_jobs", ["queued", "running", "queued", "running", "succeeded", "expired"]],
    ["export_jobs", ["queued", "cancelled", "running", "failed", "running"]],
    ["enrichment_queue_jobs", ["queued", "running", "failed", "queued", "cancelled", "queued", "running", "succeeded"]],
  ])("%s goes %j", async (table, [first, ...path]) => {
    const [{ id }] = (await made[table]!(first!)) as [{ id: string }];
    for (const next of path) await run("system", `update lists.${table} set status = $2 where id = $1`, [id, next]);
  });

  test.each([
    ["list_imports", "awaiting_upload", "completed"],
    ["list_imports", "completed", "uploading"],
    ["list_imports", "undone", "undoing"],
    ["list_imports", "cancelled", "queued"],
    ["export_jobs", "queued", "succeeded"],
    ["export_jobs", "succeeded", "running"],
    ["export_jobs", "expired", "succeeded"],
    ["enrichment_queue_jobs", "queued", "succeeded"],
    ["enrichment_queue_jobs", "succeeded", "running"],
  ])("%s never goes from %s to %s", async (table, from, to) => {
    const [{ id }] = (await made[table]!(from)) as [{ id: string }];
    expect(await refusal("system", `update lists.${table} set status = $2 where id = $1`, [id, to])).toMatchObject({
      code: "RH006",
      field: "status",
      message: expect.stringContaining(`is ${from} and cannot become ${to}`),
    });
  });
});

test("a plan may run a blueprint", async () => {
  const [{ id }] = (await run<{ id: string }>(
    "manager",
    "insert into pipeline.blueprints (name) values ('Clean up') returning id",
  )) as [{ id: string }];
  await run("member", "insert into lists.enrichment_plans (list_id, blueprint_id, name) values ($1, $2, 'Plan')", [
    listId,
    id,
  ]);
  expect(await run("viewer", "select blueprint_id from lists.enrichment_plans")).toEqual([{ blueprint_id: id }]);
});
