import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { inTenant } from "../support/jobs.ts";

let database: TestDatabase;
let api: GraphqlApi;
let acme: Sender;
let listId: string;
let count = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database);
});

beforeEach(async () => {
  acme = await createTenant(database, `acme-${count++}`);
  listId = (await system<{ id: string }>("insert into lists.lists (name) values ('Leads') returning id"))[0]!.id;
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const system = <T extends object = Json>(sql: string, values: unknown[] = []): Promise<T[]> =>
  inTenant(database, acme.tenantId!, async (client) => (await client.query<T>(sql, values)).rows);

async function addEntries(entries: readonly object[]): Promise<string[]> {
  const columns = Object.keys(entries[0]!).join(", ");
  const rows = await system<{ id: string }>(
    `insert into lists.list_entries (list_id, ${columns})
     select $1, ${columns} from jsonb_populate_recordset(null::lists.list_entries, $2) returning id`,
    [listId, JSON.stringify(entries)],
  );
  return rows.map(({ id }) => id);
}

describe("list quality", () => {
  const quality = async (fields: string): Promise<Json> =>
    (await api.ask(acme, `{ lists { nodes { quality { ${fields} } } } }`)).lists.nodes[0].quality;

  test("of an empty list is all zero, and a share of nothing is nothing", async () => {
    expect(await quality("entryCount validPhoneCount duplicateCount reachableShare")).toEqual({
      entryCount: "0",
      validPhoneCount: "0",
      duplicateCount: "0",
      reachableShare: null,
    });
  });

  test("tells what entries have and how much of it is valid, as they come, change and go", async () => {
    const fields = `entryCount nameCount validNameCount phoneCount validPhoneCount emailCount validEmailCount
      addressCount validAddressCount reachableCount reachableShare pendingCount enrichedCount partialCount failedCount`;
    const entry = { full_name: null, email: null, phone_e164: null, city: null };
    const ids = await addEntries([
      { ...entry, full_name: "Anna Example", email: "anna@example.test" },
      { ...entry, phone_e164: "+12022243441", city: "Washington" },
      entry,
      entry,
    ]);
    await system(
      `update lists.list_entries set email_status = 'valid', name_status = 'valid', enrichment_status = 'enriched' where id = $1`,
      [ids[0]],
    );
    await system(
      `update lists.list_entries set phone_status = 'valid', address_status = 'partial', enrichment_status = 'partial' where id = $1`,
      [ids[1]],
    );
    await system("update lists.list_entries set enrichment_status = 'failed' where id = $1", [ids[2]]);
    expect(await quality(fields)).toEqual({
      entryCount: "4",
      nameCount: "1",
      validNameCount: "1",
      phoneCount: "1",
      validPhoneCount: "1",
      emailCount: "1",
      validEmailCount: "1",
      addressCount: "1",
      validAddressCount: "0",
      reachableCount: "2",
      reachableShare: 0.5,
      pendingCount: "1",
      enrichedCount: "1",
      partialCount: "1",
      failedCount: "1",
    });
    await system("update lists.list_entries set deleted_at = now() where id = $1", [ids[0]]);
    await system("delete from lists.list_entries where id = $1", [ids[3]]);
    expect(await quality("entryCount reachableCount validEmailCount enrichedCount")).toEqual({
      entryCount: "2",
      reachableCount: "1",
      validEmailCount: "0",
      enrichedCount: "0",
    });
    await system("update lists.list_entries set deleted_at = null where id = $1", [ids[0]]);
    expect(await quality("entryCount validEmailCount")).toEqual({ entryCount: "3", validEmailCount: "1" });
  });

  test("counts the duplicates and the bad lines of imports that were completed", async () => {
    const insert = `insert into lists.list_imports (list_id, status, is_dry_run, skipped_count, filled_count, overwritten_count, rejected_count)
      values ($1, $2, $3, 1, 2, 3, 4)`;
    for (const [status, isDryRun] of [
      ["completed", false],
      ["completed", true],
      ["failed", false],
    ])
      await system(insert, [listId, status, isDryRun]);
    expect(await quality("duplicateCount rejectedCount")).toEqual({ duplicateCount: "6", rejectedCount: "4" });
  });

  test("reads no entries, however many there are", async () => {
    const plan = await asTenant(
      database,
      { tenantId: acme.tenantId, role: "rowhouse_viewer" },
      async (client) =>
        (await client.query("explain (format json) select * from lists.list_quality where list_id = $1", [listId]))
          .rows,
    );
    expect(JSON.stringify(plan)).toContain("list_entry_totals");
    expect(JSON.stringify(plan)).not.toContain('"list_entries"');
  });
});

test("enrichment coverage tells per step how far it is, what it found and what it cost, also after another run", async () => {
  const [anna, bert] = await addEntries([{ full_name: "Anna" }, { full_name: "Bert" }, { full_name: "Carl" }]);
  const [{ id: planId }] = (await system<{ id: string }>(
    "insert into lists.enrichment_plans (list_id, name) values ($1, 'Check') returning id",
    [listId],
  )) as [{ id: string }];
  await system(
    "insert into lists.enrichment_plan_steps (enrichment_plan_id, position, block) values ($1, 1, 'name'), ($1, 2, 'email')",
    [planId],
  );
  const runPlan = async (run: number, results: readonly (readonly [string, string, string, number])[]) => {
    const [{ id }] = (await system<{ id: string }>(
      `insert into lists.enrichment_queue_jobs (enrichment_plan_id, list_id, run_number, batch_number, first_entry_id, last_entry_id)
       values ($1, $2, $3, 1, $4, $4) returning id`,
      [planId, listId, run, anna],
    )) as [{ id: string }];
    for (const [entry, block, status, cost] of results)
      await system(
        `insert into lists.enrichment_results (list_entry_id, block, enrichment_queue_job_id, status, cost_minor) values ($1, $2, $3, $4, $5)
         on conflict (tenant_id, list_entry_id, block) do update
         set status = excluded.status, enrichment_queue_job_id = excluded.enrichment_queue_job_id, cost_minor = excluded.cost_minor`,
        [entry, block, id, status, cost],
      );
  };
  await runPlan(1, [
    [anna!, "name", "found", 3],
    [bert!, "name", "failed", 0],
  ]);
  await runPlan(2, [[bert!, "name", "found", 5]]);
  const { lists } = await api.ask(
    acme,
    `{ lists { nodes { enrichmentCoverage(orderBy: BLOCK_DESC) { nodes {
        block entryCount pendingCount foundCount failedCount costMinor coveredShare plan { name } step { position } } } } } }`,
  );
  const common = { entryCount: "3", failedCount: "0", plan: { name: "Check" } };
  expect(lists.nodes[0].enrichmentCoverage.nodes).toEqual([
    {
      ...common,
      block: "NAME",
      pendingCount: "1",
      foundCount: "2",
      costMinor: "8",
      coveredShare: 2 / 3,
      step: { position: 1 },
    },
    {
      ...common,
      block: "EMAIL",
      pendingCount: "3",
      foundCount: "0",
      costMinor: "0",
      coveredShare: 0,
      step: { position: 2 },
    },
  ]);
});

test("export volume is by the tenant's days and by format, and can be asked for a span of days", async () => {
  await system("update iam.tenants set time_zone = 'America/New_York' where id = $1", [acme.tenantId]);
  const insert = `insert into lists.export_jobs (list_id, status, format, row_count, byte_count, finished_at) values ($1, $2, $3, 10, 100, $4)`;
  for (const [status, format, at] of [
    ["succeeded", "csv", "2026-03-02T03:00:00Z"], // the evening before in New York
    ["expired", "csv", "2026-03-01T18:00:00Z"],
    ["succeeded", "jsonl", "2026-03-01T18:00:00Z"],
    ["succeeded", "csv", "2026-03-03T18:00:00Z"],
    ["failed", "csv", "2026-03-01T18:00:00Z"],
  ])
    await system(insert, [listId, status, format, at]);
  const { exportVolumes, before } = await api.ask(
    acme,
    `{ exportVolumes(orderBy: [DAY_ASC, FORMAT_ASC]) { nodes { day format exportCount rowCount byteCount } }
       before: exportVolumes(filter: { day: { lessThan: "2026-03-02" } }) { aggregates { sum { rowCount } } } }`,
  );
  expect(exportVolumes.nodes).toEqual([
    { day: "2026-03-01", format: "CSV", exportCount: "2", rowCount: "20", byteCount: "200" },
    { day: "2026-03-01", format: "JSONL", exportCount: "1", rowCount: "10", byteCount: "100" },
    { day: "2026-03-03", format: "CSV", exportCount: "1", rowCount: "10", byteCount: "100" },
  ]);
  expect(before.aggregates.sum.rowCount).toBe("30");
});

test("a campaign's funnel follows its recipients", async () => {
  const [{ id }] = (await system<{ id: string }>(
    "insert into outreach.campaigns (name, channel) values ('Spring', 'email') returning id",
  )) as [{ id: string }];
  const people = await system<{ id: string }>(
    "insert into crm.contacts (last_name) select 'Person ' || n from generate_series(1, 4) n returning id",
  );
  await system("insert into outreach.campaign_recipients (campaign_id, contact_id) select $1, unnest($2::uuid[])", [
    id,
    people.map((person) => person.id),
  ]);
  const funnel = "recipientCount sentCount deliveredCount openedCount deliveredShare openedShare repliedShare";
  const read = async () =>
    (await api.ask(acme, `{ campaigns { nodes { funnel { ${funnel} } } } }`)).campaigns.nodes[0].funnel;
  expect(await read()).toMatchObject({ recipientCount: "4", sentCount: "0", deliveredShare: null, openedShare: null });
  const ids = (await system<{ id: string }>("select id from outreach.campaign_recipients order by id")).map(
    (r) => r.id,
  );
  await system("update outreach.campaign_recipients set sent_at = now()");
  await system("update outreach.campaign_recipients set delivered_at = now() where id = any ($1)", [ids.slice(0, 2)]);
  await system("update outreach.campaign_recipients set opened_at = now() where id = $1", [ids[0]]);
  expect(await read()).toEqual({
    recipientCount: "4",
    sentCount: "4",
    deliveredCount: "2",
    openedCount: "1",
    deliveredShare: 0.5,
    openedShare: 0.5,
    repliedShare: 0,
  });
});

test("the inbox load is by status and assignee, and tells which conversations are late", async () => {
  const [{ id: contactId }] = (await system<{ id: string }>(
    "insert into crm.contacts (last_name) values ('Anna') returning id",
  )) as [{ id: string }];
  const thread = async (priority: string, assignee: string | null) =>
    (
      await system<{ id: string }>(
        "insert into inbox.inbox_threads (contact_id, channel, priority, assigned_to) values ($1, 'email', $2, $3) returning id",
        [contactId, priority, assignee],
      )
    )[0]!.id;
  const mine = await thread("urgent", acme.actorId!);
  const late = await thread("normal", null);
  await thread("normal", null);
  const clock = "insert into inbox.inbox_sla_clocks (thread_id, kind, due_at) values ($1, $2, $3)";
  await system(clock, [late, "first_response", "2026-01-01T00:00:00Z"]);
  await system(clock, [late, "resolution", "2026-01-01T00:00:00Z"]);
  await system(clock, [mine, "resolution", "2999-01-01T00:00:00Z"]);
  const read = async () =>
    (
      await api.ask(
        acme,
        `{ inboxLoads(orderBy: [STATUS_ASC, THREAD_COUNT_ASC]) {
             nodes { status threadCount unreadThreadCount urgentThreadCount breachedThreadCount assignedToId assignee { kind } } } }`,
      )
    ).inboxLoads.nodes;
  const nobody = { assignedToId: null, assignee: null, urgentThreadCount: "0", unreadThreadCount: "0" };
  expect(await read()).toEqual([
    {
      status: "OPEN",
      threadCount: "1",
      unreadThreadCount: "0",
      urgentThreadCount: "1",
      breachedThreadCount: "0",
      assignedToId: expect.stringMatching(/^act/),
      assignee: { kind: "SYSTEM" },
    },
    { ...nobody, status: "OPEN", threadCount: "2", breachedThreadCount: "1" },
  ]);
  await system("update inbox.inbox_threads set status = 'closed' where id = $1", [late]);
  expect(await read()).toEqual([
    { ...nobody, status: "CLOSED", threadCount: "1", breachedThreadCount: "0" },
    expect.objectContaining({ status: "OPEN", urgentThreadCount: "1" }),
    { ...nobody, status: "OPEN", threadCount: "1", breachedThreadCount: "0" },
  ]);
});

test("no dashboard shows anything of another tenant, and none can be written", async () => {
  await addEntries([{ full_name: "Anna" }]);
  await system("insert into lists.export_jobs (list_id, status, finished_at) values ($1, 'succeeded', now())", [
    listId,
  ]);
  const globex = await createTenant(database, `globex-${count++}`);
  const { rows: views } = await database.admin.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class
     where relkind = 'v' and relnamespace::regnamespace::text = any (ddl.domain_schemas()) order by 1`,
  );
  expect(views.length).toBeGreaterThanOrEqual(5);
  for (const { name } of views)
    await asTenant(database, { tenantId: globex.tenantId, role: "rowhouse_viewer" }, async (client) => {
      expect((await client.query(`select from ${name}`)).rowCount).toBe(0);
    });
  const { __schema } = await api.ask(acme, "{ __schema { mutationType { fields { name } } } }");
  const names: string[] = __schema.mutationType.fields.map(({ name }: Json) => name);
  expect(names.filter((name) => /(Quality|Coverage|Volume|Totals?|Funnel|Load)s?$/.test(name))).toEqual([]);
});
