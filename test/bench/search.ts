import pg from "pg";
import { type Figure, median, timed } from "./measure.ts";
import type { BenchStack } from "./stack.ts";

const rounds = 40;
const warmUp = 5;

/** The kinds of search, each with words that a tenant's contacts have. */
const kinds = [
  "a full name",
  "the beginning of a word",
  "a phone number",
  "an e-mail address",
  "a misspelt name",
] as const;

interface Subject {
  readonly tenantId: string;
  readonly queries: readonly string[];
}

/** The same searches in the largest tenant and in the smallest one, as a viewer, and what index serves them. */
export async function benchSearch(
  stack: BenchStack,
  tenantIds: readonly string[],
): Promise<{ figures: Figure[]; plans: string[] }> {
  const viewer = new pg.Client({ connectionString: stack.serverUrl });
  await viewer.connect();
  try {
    const large = await subject(stack.admin, tenantIds[0]!);
    const small = await subject(stack.admin, tenantIds.at(-1)!);
    const figures: Figure[] = [];
    for (const [index, kind] of kinds.entries()) {
      const times: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds + warmUp; round++)
        for (const [which, { tenantId, queries }] of [large, small].entries()) {
          await viewer.query(
            "select set_config('role', 'rowhouse_viewer', false), set_config('jwt.claims.tenant_id', $1, false)",
            [tenantId],
          );
          const { seconds } = await timed(() =>
            viewer.query("select id, full_name from crm.search_contacts($1) limit 21", [queries[index]]),
          );
          if (round >= warmUp) times[which]!.push(seconds * 1000);
        }
      const [largeMs, smallMs] = [median(times[0]), median(times[1])];
      figures.push({
        what: `search by ${kind}: the largest tenant`,
        measured: `${largeMs.toFixed(1)} ms`,
        comparedWith: `the smallest tenant: ${smallMs.toFixed(1)} ms`,
        ratio: (largeMs / smallMs).toFixed(1),
        goal: "below 250 ms, by an index",
        isMet: largeMs < 250,
      });
    }
    return { figures, plans: [await explain(stack.admin, large)] };
  } finally {
    await viewer.end();
  }
}

async function subject(admin: pg.Client, tenantId: string): Promise<Subject> {
  const { rows } = await admin.query<
    Record<"first_name" | "last_name" | "primary_email" | "primary_phone_e164", string>
  >(
    `select first_name, last_name, primary_email, primary_phone_e164 from crm.contacts
     where tenant_id = $1 and primary_email is not null order by id limit 1`,
    [tenantId],
  );
  const { first_name: first, last_name: last, primary_email: email, primary_phone_e164: phone } = rows[0]!;
  const misspelt = `${first} ${last.slice(0, 2)}${last.at(2) === "x" ? "y" : "x"}${last.slice(3)}`;
  return { tenantId, queries: [`${first} ${last}`, last.slice(0, 4), phone.slice(-7), email, misspelt] };
}

/** The plan of what app.find_contacts runs. */
async function explain(admin: pg.Client, { tenantId, queries }: Subject): Promise<string> {
  const { rows } = await admin.query<{ "QUERY PLAN": string }>(
    `explain (analyze, costs off, timing off, summary off) select t.id from crm.contacts t
     where t.tenant_id = '${tenantId}' and t.deleted_at is null and t.search_vector @@ app.search_query(${pg.escapeLiteral(queries[0]!)}) limit 2000`,
  );
  return `-- search by ${kinds[0]}\n${rows.map((row) => row["QUERY PLAN"]).join("\n")}`;
}
