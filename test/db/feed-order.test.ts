import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import {
  createSubjects,
  createVersionTable,
  follow,
  followNaively,
  openTenants,
  write,
  wronglySeen,
  type Subjects,
  type Tenants,
} from "../support/feed-proof.ts";
import { createTenant } from "../support/graphql-api.ts";
import { randomNumbers } from "../support/random-numbers.ts";

const [writers, readersEach, tenantCount, changesWanted] = [10, 2, 3, 10_000];

let database: TestDatabase;
let tenants: Tenants;
let subjects: Subjects[];

beforeAll(async () => {
  database = await createTestDatabase();
  await createVersionTable(database);
  tenants = openTenants(database, writers + (readersEach + 1) * tenantCount);
  subjects = [];
  for (let n = 0; n < tenantCount; n++) {
    subjects.push(await createSubjects(database, (await createTenant(database, `tenant-${n}`)).tenantId!, 200));
  }
});
afterAll(async () => {
  await tenants?.end();
  await database?.drop();
});

async function versionsOf(tenantId: string): Promise<Map<string, number>> {
  const { rows } = await database.admin.query("select id, version from crm.versions where tenant_id = $1", [tenantId]);
  return new Map(rows.map(({ id, version }) => [id, version]));
}

test("10,000 events of many writers are read by everybody: none is missing, none comes twice, each row's in order", async () => {
  const numbers = randomNumbers(5);
  const random = () => numbers(1_000_000) / 1_000_000;
  let changes = 0;
  let isOver = false;
  const readers = subjects.flatMap(({ tenantId }) =>
    Array.from({ length: readersEach }, async () => ({
      tenantId,
      seen: await follow(tenants, tenantId, random, () => isOver),
    })),
  );
  const naive = subjects.map(({ tenantId }) => followNaively(tenants, tenantId, () => isOver));
  const writing = Array.from({ length: writers }, () =>
    write(
      tenants,
      subjects,
      random,
      () => changes >= changesWanted,
      (more) => (changes += more),
    ),
  );
  await Promise.all(writing).finally(() => (isOver = true));
  let events = 0;
  for (const { tenantId, seen } of await Promise.all(readers)) {
    expect(wronglySeen(seen, await versionsOf(tenantId))).toEqual([]);
    events += seen.length;
  }
  expect(events).toBe(changes * readersEach);
  expect(changes).toBeGreaterThanOrEqual(changesWanted);

  // The same work, read by position alone: what commits late is skipped. So the proof above can fail.
  const lost = await Promise.all(
    naive.map(async (reader, n) => wronglySeen(await reader, await versionsOf(subjects[n]!.tenantId))),
  );
  expect(lost.flat().length).toBeGreaterThan(0);
}, 90_000);

test("read by position alone, an event that commits after a later one is lost", async () => {
  const { tenantId, ids } = subjects[0]!;
  const [one, two] = ids;
  const change = "update crm.versions set version = version + 1 where id = $1";
  const after = (await tenants.inTenant<{ head: string }>(tenantId, "select events.feed_head() as head"))[0]!.head;
  const byPosition = `select subject_id as id from events.events where position > $1 order by position`;
  const byFeed = "select subject_id as id from events.read_feed($1)";
  const late = await tenants.begin(tenantId);
  await late.query(change, [one]);
  await tenants.inTenant(tenantId, change, [two]);
  const [last] = await tenants.inTenant<{ at: string }>(tenantId, "select max(position) as at from events.events");
  expect(await tenants.inTenant(tenantId, byFeed, [after])).toEqual([]);
  await late.query("commit");
  late.release();
  expect(await tenants.inTenant(tenantId, byPosition, [last!.at])).toEqual([]);
  expect(await tenants.inTenant(tenantId, byFeed, [after])).toEqual([{ id: one }, { id: two }]);
});
