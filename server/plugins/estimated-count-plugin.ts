import { lambda } from "postgraphile/grafast";

/** Up to this many rows the count is exact, where counting them costs little. */
const exactMax = 1000;
/** What little is, in the planner's unit: some milliseconds. */
const countingCostMax = 10_000;

/** A query as the library would send it, for one parent row or none. */
interface Spec {
  readonly context: any;
  readonly queryValues: readonly unknown[];
}

/** A statement with its parameters. */
interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What the queries of several parent rows share. */
interface Common {
  readonly text: string;
  readonly rawSqlValues: readonly unknown[];
  readonly identifierIndex: number | null;
}

/**
 * `estimatedCount` beside `totalCount`: how many rows there are about, at a cost that does not grow with their number.
 * It is what the planner expects of the very statement that would read them, under the caller's claims; where few are
 * expected they are counted, up to a bound, because the statistics of a shared table say little of a small tenant.
 */
export const EstimatedCountPlugin: GraphileConfig.Plugin = {
  name: "EstimatedCountPlugin",
  version: "1.0.0",
  after: ["PgConnectionTotalCountPlugin"],
  schema: {
    hooks: {
      GraphQLObjectType_fields(fields: any, build: any, { scope, fieldWithHooks }: any) {
        if (!scope.isConnectionType || !scope.isPgConnectionRelated || !fields.totalCount) return fields;
        const { totalCount, ...rest } = fields;
        const estimatedCount = fieldWithHooks({ fieldName: "estimatedCount" }, () => ({
          description: `About how many rows there are, whatever the page; quick even when there are millions. Up to ${exactMax} it is exact as a rule.`,
          type: new build.graphql.GraphQLNonNull(build.graphql.GraphQLInt),
          plan($connection: any) {
            const $select = $connection.cloneSubplanWithoutPagination("aggregate");
            $select.setInliningForbidden();
            $select.resource = estimating($select.resource);
            return lambda($select.items(), (rows: any) => rows[0][0] as number);
          },
        }));
        return { totalCount, estimatedCount, ...rest };
      },
    },
  } as any,
};

/** The resource whose queries answer with one row, which holds the estimate, instead of the rows. */
function estimating(resource: any): any {
  const execute = async (specs: readonly Spec[], common: Common) => {
    const values: number[][][] = [];
    const [first] = specs;
    // One after the other in one transaction: a page of parents must not take every connection there is.
    await first?.context.withPgClient(first.context.pgSettings, async (client: any) => {
      for (const { queryValues } of specs) values.push([[await estimate(client, statementOf(common, queryValues))]]);
    });
    return { values };
  };
  return Object.create(resource, { executeWithCache: { value: execute }, executeWithoutCache: { value: execute } });
}

async function estimate(client: any, { text, values }: Statement): Promise<number> {
  const limited = `${text} limit ${exactMax + 1}`;
  const explained = await client.query({ text: `explain (format json) ${limited}`, values });
  const [{ Plan: limit }] = explained.rows[0]["QUERY PLAN"];
  const expected: number = limit["Plans"]?.[0]["Plan Rows"] ?? limit["Plan Rows"];
  if (limit["Total Cost"] > countingCostMax) return expected;
  const counted = await client.query({ text: `select count(*)::int as count from (${limited}) as rows`, values });
  const { count } = counted.rows[0] as { count: number };
  return count > exactMax ? Math.max(expected, count) : count;
}

/**
 * The query of one parent row. The library asks for many at once by a list of keys, of which the planner knows nothing;
 * one key that stands in the statement tells it whose rows are meant.
 */
function statementOf({ text, rawSqlValues, identifierIndex }: Common, queryValues: readonly unknown[]): Statement {
  const values = [...rawSqlValues];
  const plain = text.replace(/;\s*$/, "");
  if (identifierIndex === null) return { text: plain, values };
  const list = `json_array_elements($${values.length + 1}::json) with ordinality as ids`;
  if (!plain.includes(list)) throw new Error("The library writes its lists of keys in another way than it did.");
  const place = values.length;
  values.push(...queryValues);
  return {
    text: plain
      .replace(list, () => "(values (1)) as ids (ordinality)")
      .replace(/\(ids\.value->>(\d+)\)/g, (_, n: string) => `$${place + Number(n) + 1}`),
    values,
  };
}
