import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asOwner, asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";
import { until } from "../support/until.ts";

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

/** Works as a role of the tenant, and rolls back unless told to commit. */
const as = <T>(role: string, work: (client: PoolClient) => Promise<T>, options?: { commit: boolean }) =>
  asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, work, options);
const commit = { commit: true };
const leadOf = (client: PoolClient) => insertInto(client, "crm.leads", { company_name: "Initech" });
const attempt = (client: PoolClient, lead_id: string, row: Record<string, unknown> = {}) =>
  insertInto(client, "outreach.attempt_logs", { lead_id, campaign_context: "initial", channel: "sms", ...row });
const outcome = (client: PoolClient, attempt_log_id: string, row: Record<string, unknown>) =>
  insertInto(client, "outreach.attempt_outcomes", { attempt_log_id, ...row });
const day = (n: number) => new Date(Date.UTC(2026, 0, n));
const leadAfter = async (client: PoolClient, id: string) =>
  (await client.query("select attempt_count, last_attempt_at, last_response_at from crm.leads where id = $1", [id]))
    .rows[0];
const standing = async (client: PoolClient, id: string) =>
  (
    await client.query(
      `select outreach.attempt_logs_status(a) as status, outreach.attempt_logs_delivered_at(a) as delivered_at,
         outreach.attempt_logs_responded_at(a) as responded_at, outreach.attempt_logs_response_type(a) as response_type
       from outreach.attempt_logs a where id = $1`,
      [id],
    )
  ).rows[0];

test("attempts on a lead are numbered from 1, and the lead knows how many there were and when", () =>
  as("member", async (client) => {
    const [lead, other] = [await leadOf(client), await leadOf(client)];
    const numbers = [];
    for (const [direction, at] of [
      ["outbound", day(2)],
      ["outbound", day(1)],
      ["inbound", day(3)],
    ] as const)
      numbers.push((await attempt(client, lead.id, { direction, attempted_at: at })).attempt_number);
    expect(numbers).toEqual([1, 2, 3]);
    expect(await attempt(client, other.id)).toMatchObject({ attempt_number: 1, attempted_by: actorId });
    expect(await leadAfter(client, lead.id)).toEqual({
      attempt_count: 3,
      last_attempt_at: day(2),
      last_response_at: day(3),
    });
    for (const column of ["attempt_number", "attempted_by"])
      expect(
        await refusal(
          client,
          `insert into outreach.attempt_logs (lead_id, campaign_context, channel, ${column}) values ($1, 'initial', 'sms', null)`,
          [lead.id],
        ),
      ).toMatchObject({ code: "42501" });
    expect(await refusal(client, "update crm.leads set attempt_count = 0")).toMatchObject({ code: "42501" });
    await client.query("savepoint missing");
    await expect(attempt(client, tenantId)).rejects.toMatchObject({ constraint: "attempt_logs_lead_id_fkey" });
    await client.query("rollback to savepoint missing");
  }));

test("thousands of attempts in one statement are numbered lead by lead, and move each lead by one update", () =>
  as("member", async (client) => {
    await client.query("insert into crm.leads (company_name) select 'Initech' from generate_series(1, 500)");
    // The checks of references were planned on tables without rows and statistics, for which any index seems as good.
    await client.query("discard plans");
    const updates = async () =>
      Number((await client.query("select pg_stat_get_xact_tuples_updated('crm.leads'::regclass) as n")).rows[0].n);
    const before = await updates();
    await client.query(
      `insert into outreach.attempt_logs (lead_id, campaign_context, channel)
       select l.id, 'retarget', 'email' from crm.leads l, generate_series(1, 4)`,
    );
    expect((await updates()) - before).toBe(500);
    const { rows } = await client.query(
      `select numbers, attempt_count, count(*)::int as leads from (
         select array_agg(a.attempt_number order by a.attempt_number) as numbers, l.attempt_count
         from crm.leads l join outreach.attempt_logs a on a.tenant_id = l.tenant_id and a.lead_id = l.id
         where a.campaign_context = 'retarget' group by l.id, l.attempt_count) t group by 1, 2`,
    );
    expect(rows).toEqual([{ numbers: [1, 2, 3, 4], attempt_count: 4, leads: 500 }]);
  }));

test("two who try the same lead at once take turns", async () => {
  const lead = await as("member", leadOf, commit);
  let late: Promise<{ attempt_number: number }>;
  await as(
    "member",
    async (client) => {
      expect(await attempt(client, lead.id)).toMatchObject({ attempt_number: 1 });
      late = as("member", (other) => attempt(other, lead.id), commit);
      await until("the second attempt waits for the first", async () => {
        const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        return (await database.admin.query(waiting)).rowCount! > 0;
      });
    },
    commit,
  );
  expect(await late!).toMatchObject({ attempt_number: 2 });
  const many = await Promise.all(
    Array.from({ length: 8 }, () => as("member", (client) => attempt(client, lead.id), commit)),
  );
  expect(many.map((row) => row.attempt_number as number).sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  expect(await as("member", (client) => leadAfter(client, lead.id))).toMatchObject({ attempt_count: 10 });
});

test("an attempt stands as its latest outcome says, in whatever order the outcomes are told", () =>
  as("member", async (client) => {
    const lead = await leadOf(client);
    const { id } = await attempt(client, lead.id, { attempted_at: day(1) });
    expect(await standing(client, id)).toEqual({
      ...{ status: "queued", delivered_at: null, responded_at: null, response_type: null },
    });
    await outcome(client, id, { status: "delivered", occurred_at: day(3) });
    await outcome(client, id, { status: "sent", occurred_at: day(2) });
    expect(await standing(client, id)).toMatchObject({ status: "delivered", delivered_at: day(3) });
    await outcome(client, id, { status: "responded", occurred_at: day(4), response_type: "neutral" });
    await outcome(client, id, { status: "responded", occurred_at: day(6), response_type: "dnc" });
    await outcome(client, id, { status: "delivered", occurred_at: day(5) });
    expect(await standing(client, id)).toEqual({
      ...{ status: "responded", delivered_at: day(3), responded_at: day(4), response_type: "dnc" },
    });
    expect(await leadAfter(client, lead.id)).toMatchObject({ last_response_at: day(6) });
    await outcome(client, id, { status: "responded", occurred_at: day(2) });
    expect(await leadAfter(client, lead.id)).toMatchObject({ last_response_at: day(6) });
    const add = "insert into outreach.attempt_outcomes (attempt_log_id, status, response_type) values ($1, $2, $3)";
    expect(await refusal(client, add, [id, "queued", null])).toMatchObject({
      constraint: "attempt_outcomes_status_check",
    });
    expect(await refusal(client, add, [id, "delivered", "positive"])).toMatchObject({
      constraint: "attempt_outcomes_response_type_check",
    });
  }));

test("attempts and outcomes are never changed or deleted, not even by their owner, but go with their lead", async () => {
  const lead = await as("member", leadOf, commit);
  const { id } = await as("member", (client) => attempt(client, lead.id), commit);
  await as("member", (client) => outcome(client, id, { status: "sent" }), commit);
  const statements = ["update @ set created_at = now()", "delete from @", "truncate @ cascade"];
  for (const table of ["outreach.attempt_logs", "outreach.attempt_outcomes"]) {
    for (const sql of statements.map((each) => each.replace("@", table))) {
      for (const role of ["admin", "system"])
        expect(await as(role, (client) => refusal(client, sql))).toMatchObject({ code: "42501" });
      const claim = `select set_config('jwt.claims.tenant_id', '${tenantId}', true)`;
      await expect(asOwner(database, `${claim}; ${sql}`)).rejects.toMatchObject({ code: "RH005" });
    }
  }
  await as(
    "system",
    async (client) => {
      await client.query("delete from crm.leads where id = $1", [lead.id]);
      expect((await client.query("select from outreach.attempt_logs where id = $1", [id])).rowCount).toBe(0);
    },
    commit,
  );
});
