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

const rounds = 200;
const warmUp = 40;

/** Each question as a viewer behind the policies, and as a superuser with the tenant's predicate written by hand, in turns. */
export async function benchRowLevelSecurity(stack: BenchStack, tenantId: string): Promise<Figure[]> {
  const parameters = await findParameters(stack.admin, tenantId);
  const viewer = new pg.Client({ connectionString: stack.serverUrl });
  const owner = new pg.Client({ connectionString: stack.adminUrl });
  await Promise.all([viewer.connect(), owner.connect()]);
  try {
    await viewer.query(
      "select set_config('role', 'rowhouse_viewer', false), set_config('jwt.claims.tenant_id', $1, false)",
      [tenantId],
    );
    const figures: Figure[] = [];
    for (const question of questions) figures.push(await compare(viewer, owner, question, parameters));
    return figures;
  } finally {
    await Promise.all([viewer.end(), owner.end()]);
  }
}

async function compare(viewer: pg.Client, owner: pg.Client, question: Question, p: Parameters): Promise<Figure> {
  const values = question.values(p);
  const name = question.what.replaceAll(/\W+/g, "_");
  const guarded = { name, text: question.sql(() => "true"), values: [...values] };
  const byHand = { name, text: question.sql((alias) => `${alias}.tenant_id = '${p.tenant}'`), values: [...values] };
  const times = { guarded: [] as number[], byHand: [] as number[] };
  for (let round = 0; round < rounds + warmUp; round++) {
    const first = await timed(() => viewer.query(guarded));
    const second = await timed(() => owner.query(byHand));
    if (round < warmUp) continue;
    times.guarded.push(first.seconds * 1000);
    times.byHand.push(second.seconds * 1000);
  }
  const [guardedMs, byHandMs] = [median(times.guarded), median(times.byHand)];
  const ratio = guardedMs / byHandMs;
  return {
    what: `row-level security, ${question.what}`,
    measured: `${guardedMs.toFixed(3)} ms`,
    comparedWith: `predicate by hand, no policies: ${byHandMs.toFixed(3)} ms`,
    ratio: ratio.toFixed(2),
    goal: "at most 1.10",
    isMet: ratio <= 1.1,
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
