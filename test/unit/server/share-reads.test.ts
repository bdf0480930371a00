import { expect, it } from "@jest/globals";
import type { WithPgClient } from "postgraphile/@dataplan/pg";
import { shareReads } from "../../../server/subscriptions/share-reads.ts";

/** A database that counts what it is asked. */
function countingDatabase() {
  let count = 0;
  const withPgClient = (async (_settings: unknown, run: (client: unknown) => unknown) =>
    run({ query: async () => ({ rows: [[++count]], rowCount: 1, notices: [] }) })) as unknown as WithPgClient;
  return { withPgClient, count: () => count };
}
const ann = { role: "rowhouse_viewer", "jwt.claims.tenant_id": "a" };
const bob = { role: "rowhouse_viewer", "jwt.claims.tenant_id": "b" };
const ask = (share: WithPgClient, settings: Record<string, string>, value: number) =>
  share(settings, async (client) => (await client.query({ text: "select $1", values: [value] })).rows);

it("equal reads under equal claims in one turn are one query, and everybody gets its answer", async () => {
  const database = countingDatabase();
  const share = shareReads(database.withPgClient, database);
  const answers = await Promise.all([1, 1, 1].map((value) => ask(share, ann, value)));
  expect(database.count()).toBe(1);
  expect(answers).toEqual([[[1]], [[1]], [[1]]]);
});

it("reads under other claims, of other values, or of another database are never shared", async () => {
  const database = countingDatabase();
  const share = shareReads(database.withPgClient, database);
  const elsewhere = countingDatabase();
  const shareElsewhere = shareReads(elsewhere.withPgClient, elsewhere);
  await Promise.all([ask(share, ann, 1), ask(share, bob, 1), ask(share, ann, 2), ask(shareElsewhere, ann, 1)]);
  expect(database.count()).toBe(3);
  expect(elsewhere.count()).toBe(1);
});

it("a read that is asked for after one has begun is a read of its own", async () => {
  const database = countingDatabase();
  const share = shareReads(database.withPgClient, database);
  await ask(share, ann, 1);
  await ask(share, ann, 1);
  expect(database.count()).toBe(2);
});
