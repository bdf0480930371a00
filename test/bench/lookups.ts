import pg from "pg";
import { loadConfig } from "../../lib/config.ts";
import { createAccessTokens } from "../../server/auth/access-tokens.ts";
import { ApiClient } from "../../db/seed/api-client.ts";
import { encodeTypeId, parseTypeId } from "../../lib/type-id.ts";
import { count, type Figure, median, timed } from "./measure.ts";
import type { BenchStack } from "./stack.ts";
import { syntheticRow } from "./synthetic-file.ts";

const TENANTS = 1000;
const ENTRIES = 1000;

interface Subject {
  readonly name: string;
  readonly tenantId: string;
  readonly listId: string;
  readonly email: string;
  /** An id in the middle of the list. */
  readonly middleId: string;
  readonly api: ApiClient;
}

/** The three questions, as GraphQL and as the SQL whose plan is shown. */
const QUESTIONS = [
  {
    what: "filter by e-mail",
    query: `query ByEmail($email: String!) { listEntries(filter: { email: { equalTo: $email } }) { nodes { id fullName } } }`,
    sql: (s: Subject) =>
      `select id, full_name from lists.list_entries where deleted_at is null and email = '${s.email}' order by id limit 51`,
  },
  {
    what: "filter by status, first page",
    query: `query ByStatus($listId: ID!) {
      listEntries(first: 50, filter: { listId: { equalTo: $listId }, enrichmentStatus: { equalTo: PENDING } }) { nodes { id fullName } }
    }`,
    sql: (s: Subject) =>
      `select id, full_name from lists.list_entries where deleted_at is null and list_id = '${s.listId}' and enrichment_status = 'pending' order by id limit 51`,
  },
  {
    what: "a page in the middle, by cursor",
    query: `query Middle($listId: ID!, $after: Cursor!) {
      list(id: $listId) { entries(first: 50, after: $after) { nodes { id fullName } } }
    }`,
    sql: (s: Subject) =>
      `select id, full_name from lists.list_entries where deleted_at is null and list_id = '${s.listId}' and id > '${s.middleId}' order by id limit 51`,
  },
] as const;

/** The same questions to a tenant with a million entries and to one with a thousand, among a thousand tenants. */
export async function benchLookups(
  stack: BenchStack,
  largeListId: string,
): Promise<{ figures: Figure[]; plans: string[] }> {
  const smallTenant = await fillTenants(stack);
  const large = await subject(stack, "large", stack.tenantId, parseTypeId(largeListId)!.uuid);
  const small = await subject(stack, "small", smallTenant.tenantId, smallTenant.listId);
  const figures: Figure[] = [];
  const plans: string[] = [];
  for (const { what, query, sql } of QUESTIONS) {
    const times: Record<string, number[]> = { large: [], small: [] };
    // In turns, so that noise hits both alike; the first rounds only warm up.
    for (let round = 0; round < 120; round++)
      for (const each of [large, small]) {
        const variables = { email: each.email, listId: encodeTypeId("list", each.listId), after: cursorOf(each) };
        const { seconds } = await timed(() => each.api.query(query, variables));
        if (round >= 20) times[each.name]!.push(seconds * 1000);
      }
    const [largeMs, smallMs] = [median(times["large"]!), median(times["small"]!)];
    const plan = await explain(stack, large, sql(large));
    plans.push(`-- ${what}\n${plan}`);
    figures.push({
      what: `${what}: tenant with 1,000,000 entries among ${count(TENANTS)} tenants`,
      measured: `${largeMs.toFixed(2)} ms`,
      comparedWith: `tenant with 1,000 entries: ${smallMs.toFixed(2)} ms`,
      ratio: (largeMs / smallMs).toFixed(2),
      goal: "at most 3.00, by an index",
      isMet: largeMs / smallMs <= 3 && /Index (Only )?Scan/.test(plan) && !/Seq Scan/.test(plan),
    });
  }
  return { figures, plans };
}

/** A keyset cursor is opaque to clients; this one is taken from the API itself, just before the middle. */
const cursors = new Map<string, string>();
const cursorOf = (s: Subject): string => cursors.get(s.name)!;

async function subject(stack: BenchStack, name: string, tenantId: string, listId: string): Promise<Subject> {
  const { admin } = stack;
  const { rows } = await admin.query<{ id: string; email: string }>(
    `select id, email from lists.list_entries where tenant_id = $1 and list_id = $2 order by id
      offset (select count(*) / 2 from lists.list_entries where tenant_id = $1 and list_id = $2) limit 1`,
    [tenantId, listId],
  );
  const { id: middleId, email } = rows[0]!;
  const config = loadConfig({ ...process.env, ROWHOUSE_DATA_DIR: stack.folder });
  const actor = await admin.query<{ id: string }>("select id from iam.actors where tenant_id = $1 limit 1", [tenantId]);
  const api = new ApiClient(stack.api.url);
  api.useToken(createAccessTokens(config).sign({ tenantId, actorId: actor.rows[0]!.id, role: "viewer" }, 600).token);
  const found = await api.query<{ list: { entries: { edges: { cursor: string }[] } } }>(
    `query Cursor($listId: ID!, $id: ID!) { list(id: $listId) { entries(filter: { id: { equalTo: $id } }) { edges { cursor } } } }`,
    { listId: encodeTypeId("list", listId), id: encodeTypeId("entry", middleId) },
  );
  cursors.set(name, found.list.entries.edges[0]!.cursor);
  return { name, tenantId, listId, email, middleId, api };
}

/** Makes a thousand tenants of a thousand entries; gives one from the middle. */
async function fillTenants({ admin }: BenchStack): Promise<{ tenantId: string; listId: string }> {
  let chosen = { tenantId: "", listId: "" };
  const rows = Array.from({ length: ENTRIES }, (_, i) => syntheticRow(8_000_000 + i));
  const columns = [0, 1, 2].map((column) => rows.map((row) => row[column]));
  for (let i = 0; i < TENANTS; i++) {
    await admin.query("begin");
    const tenant = await admin.query<{ id: string }>("select private.create_tenant($1, $1) as id", [`tenant-${i}`]);
    const tenantId = tenant.rows[0]!.id;
    await admin.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
    const list = await admin.query<{ id: string }>("insert into lists.lists (name) values ('People') returning id");
    await admin.query(
      `insert into lists.list_entries (list_id, first_name, last_name, email)
       select $1, f, l, e from unnest($2::text[], $3::text[], $4::text[]) r (f, l, e)`,
      [list.rows[0]!.id, ...columns],
    );
    await admin.query("commit");
    if (i === TENANTS / 2) chosen = { tenantId, listId: list.rows[0]!.id };
  }
  await admin.query("vacuum (analyze) lists.list_entries");
  return chosen;
}

async function explain(stack: BenchStack, { tenantId }: Subject, statement: string): Promise<string> {
  const client = new pg.Client({ connectionString: stack.serverUrl });
  await client.connect();
  try {
    await client.query("begin");
    await client.query(
      "select set_config('role', 'rowhouse_viewer', true), set_config('jwt.claims.tenant_id', $1, true)",
      [tenantId],
    );
    const { rows } = await client.query<{ "QUERY PLAN": string }>(
      `explain (analyze, costs off, timing off, summary off) ${statement}`,
    );
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  } finally {
    await client.end();
  }
}
