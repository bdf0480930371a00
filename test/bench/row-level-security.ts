import pg from "pg";
import { type Figure, median, timed } from "./measure.ts";
import type { BenchStack } from "./stack.ts";

/** What the questions are about: one contact and one company of the tenant, a list, a campaign. */
type Parameters = Readonly<Record<"tenant" | "contact" | "company" | "list" | "campaign", string>> & {
  readonly email: string;
  readonly domain: string;
};

/** A typical question: `tenant(alias)` is where the predicate stands that row-level security adds by itself. */
interface Question {
  readonly what: string;
  readonly sql: (tenant: (alias: string) => string) => string;
  readonly values: (p: Parameters) => readonly string[];
}

const questions: readonly Question[] = [
  {
    what: "a contact by its id",
    sql: (tenant) => `select c.* from crm.contacts c where ${tenant("c")} and c.id = $1`,
    values: (p) => [p.contact],
  },
  {
    what: "contacts by e-mail",
    sql: (tenant) =>
      `select c.* from crm.contacts c where ${tenant("c")} and c.primary_email = $1 and c.deleted_at is null order by c.id limit 51`,
    values: (p) => [p.email],
  },
  {
    what: "the newest 50 contacts",
    sql: (tenant) =>
      `select c.* from crm.contacts c where ${tenant("c")} and c.deleted_at is null order by c.id desc limit 51`,
    values: () => [],
  },
  {
    what: "50 contacts in the middle, with their tags",
    sql: (tenant) =>
      `select c.id, c.first_name, c.last_name, (select json_agg(t.name) from crm.contact_tag_mapping m
         join crm.contact_tags t on t.tenant_id = m.tenant_id and t.id = m.contact_tag_id
         where m.tenant_id = c.tenant_id and m.contact_id = c.id and ${tenant("m")} and ${tenant("t")}) as tags
       from crm.contacts c where ${tenant("c")} and c.deleted_at is null and c.id > $1 order by c.id limit 51`,
    values: (p) => [p.contact],
  },
  {
    what: "the last three events of 20 contacts",
    sql: (tenant) =>
      `select c.id, e.* from (select * from crm.contacts c where ${tenant("c")} and c.deleted_at is null and c.id > $1 order by c.id limit 20) c
       cross join lateral (select e.title, e.occurred_at from crm.contact_timeline_events e
         where ${tenant("e")} and e.contact_id = c.id order by e.occurred_at desc limit 3) e`,
    values: (p) => [p.contact],
  },
  {
    what: "people of a company",
    sql: (tenant) =>
      `select c.id, c.first_name, p.title from crm.positions p join crm.contacts c on c.tenant_id = p.tenant_id and c.id = p.contact_id
       where ${tenant("p")} and ${tenant("c")} and p.company_id = $1 and p.deleted_at is null and c.deleted_at is null`,
    values: (p) => [p.company],
  },
  {
    what: "a company by its domain",
    sql: (tenant) => `select c.* from crm.companies c where ${tenant("c")} and c.domain = $1 and c.deleted_at is null`,
    values: (p) => [p.domain],
  },
  {
    what: "the first 50 new leads",
    sql: (tenant) =>
      `select l.* from crm.leads l where ${tenant("l")} and l.deleted_at is null and l.status = 'new' order by l.id limit 51`,
    values: () => [],
  },
  {
    what: "the entries of a list that wait for enrichment",
    sql: (tenant) =>
      `select e.* from lists.list_entries e where ${tenant("e")} and e.deleted_at is null and e.list_id = $1
         and e.enrichment_status = 'pending' order by e.id limit 51`,
    values: (p) => [p.list],
  },
  {
    what: "how the recipients of a campaign stand",
    sql: (tenant) =>
      `select r.status, count(*) from outreach.campaign_recipients r where ${tenant("r")} and r.campaign_id = $1 group by r.status`,
    values: (p) => [p.campaign],
  },
];

const pairs = 8;
const turns = 10;
const batch = 20;

/**
 * Each question as a viewer behind the policies, and with the tenant's predicate written by hand as somebody whom no
 * policy binds, in turns. How long a process takes to wake up weighs more than what is compared: each is asked twenty times
 * in one journey, and several pairs of connections ask.
 */
export async function benchRowLevelSecurity(stack: BenchStack, tenantId: string): Promise<Figure[]> {
  const parameters = await findParameters(stack.admin, tenantId);
  // The same privileges as the viewer's, which are looked up for whoever is no superuser.
  await stack.admin.query("drop role if exists rowhouse_bench; create role rowhouse_bench bypassrls");
  await stack.admin.query("grant rowhouse_viewer to rowhouse_bench");
  const times = questions.map((): Times => ({ guarded: [], byHand: [] }));
  for (let pair = 0; pair < pairs; pair++) {
    const viewer = new pg.Client({ connectionString: stack.serverUrl });
    const byHand = new pg.Client({ connectionString: stack.adminUrl });
    await (pair % 2 ? viewer.connect().then(() => byHand.connect()) : byHand.connect().then(() => viewer.connect()));
    try {
      await viewer.query(
        "select set_config('role', 'rowhouse_viewer', false), set_config('jwt.claims.tenant_id', $1, false)",
        [tenantId],
      );
      await byHand.query("set role rowhouse_bench");
      for (const [index, question] of questions.entries())
        await ask(viewer, byHand, question, parameters, times[index]!);
    } finally {
      await Promise.all([viewer.end(), byHand.end()]);
    }
  }
  const each = questions.map(({ what }, index) => figure(what, times[index]!, false));
  const sum = (which: keyof Times) => times.reduce((total, one) => total + median(one[which]), 0);
  return [
    ...each,
    figure(`the ${questions.length} questions together`, { guarded: [sum("guarded")], byHand: [sum("byHand")] }, true),
  ];
}

/** Milliseconds of each asking. */
interface Times {
  readonly guarded: number[];
  readonly byHand: number[];
}

async function ask(viewer: pg.Client, byHand: pg.Client, question: Question, p: Parameters, times: Times) {
  const withPolicies = await prepare(viewer, question, p, () => "true");
  // As a value, not as a parameter: the planner then knows as much of the tenant as it knows by the policy.
  const withPredicate = await prepare(byHand, question, p, (alias) => `${alias}.tenant_id = '${p.tenant}'`);
  for (let turn = 0; turn <= turns; turn++) {
    const guarded = (await timed(() => viewer.query(withPolicies))).seconds;
    const free = (await timed(() => byHand.query(withPredicate))).seconds;
    // The first is for warming up: a prepared statement is planned five times.
    if (turn === 0) continue;
    times.guarded.push((guarded * 1000) / batch);
    times.byHand.push((free * 1000) / batch);
  }
}

/** Prepares a question, and gives the text that asks it many times in one journey to the server. */
async function prepare(client: pg.Client, question: Question, p: Parameters, tenant: (alias: string) => string) {
  const values = question.values(p).map((value) => pg.escapeLiteral(value));
  await client.query(`deallocate all; prepare question as ${question.sql(tenant)}`);
  return `execute question${values.length ? `(${values.join(", ")})` : ""};`.repeat(batch);
}

function figure(what: string, times: Times, isGoal: boolean): Figure {
  const [guardedMs, byHandMs] = [median(times.guarded), median(times.byHand)];
  const ratio = guardedMs / byHandMs;
  return {
    what: `row-level security, ${what}`,
    measured: `${guardedMs.toFixed(3)} ms`,
    comparedWith: `predicate by hand, no policies: ${byHandMs.toFixed(3)} ms`,
    ratio: ratio.toFixed(2),
    goal: isGoal ? "at most 1.10" : "for information",
    isMet: !isGoal || ratio <= 1.1,
  };
}

async function findParameters(admin: pg.Client, tenantId: string): Promise<Parameters> {
  const one = async (sql: string): Promise<Record<string, string>> =>
    (await admin.query<Record<string, string>>(sql, [tenantId])).rows[0]!;
  const contact = await one(
    `select id, primary_email from crm.contacts where tenant_id = $1 and primary_email is not null order by id
     offset (select count(*) / 2 from crm.contacts where tenant_id = $1) limit 1`,
  );
  const position = await one("select company_id from crm.positions where tenant_id = $1 order by id offset 10 limit 1");
  const company = await one(
    "select domain from crm.companies where tenant_id = $1 and domain is not null order by id offset 5 limit 1",
  );
  const list = await one("select list_id from lists.list_entries where tenant_id = $1 order by id offset 5 limit 1");
  const recipient = await one("select campaign_id from outreach.campaign_recipients where tenant_id = $1 limit 1");
  return {
    tenant: tenantId,
    contact: contact["id"]!,
    email: contact["primary_email"]!,
    company: position["company_id"]!,
    domain: company["domain"]!,
    list: list["list_id"]!,
    campaign: recipient["campaign_id"]!,
  };
}
