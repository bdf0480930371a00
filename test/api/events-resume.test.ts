import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createClient, type Client } from "graphql-ws";
import WebSocket from "ws";
import { startCuttingProxy, type CuttingProxy } from "../support/cutting-proxy.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let proxy: CuttingProxy;
const clients: Client[] = [];

beforeAll(async () => {
  server = await startTestServer();
  proxy = await startCuttingProxy(portOf(server));
});
afterAll(async () => {
  for (const client of clients) await client.dispose();
  await proxy?.close();
  await server?.remove();
});

const portOf = ({ origin }: TestServer) => Number(new URL(origin).port);

/** A subscriber as an integrator writes one: the cursor of the last event is what it subscribes with again. */
function follow(somebody: Somebody, after: string, types: string[]): { cursors: string[]; connections: number } {
  const seen = { cursors: [] as string[], connections: 0 };
  const client = createClient({
    url: `ws://127.0.0.1:${proxy.port}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${somebody.token("viewer")}` },
    retryAttempts: Infinity,
    retryWait: () => sleep(10 + Math.random() * 40),
    shouldRetry: () => true,
    on: { connected: () => void seen.connections++ },
  });
  clients.push(client);
  const variables = { after, types };
  const query = "subscription($after: Cursor, $types: [String!]) { events(after: $after, types: $types) { cursor } }";
  client.subscribe<{ events: { cursor: string } }>(
    { query, variables },
    {
      next({ data, errors }) {
        if (errors || !data) throw new Error(JSON.stringify(errors));
        variables.after = data.events.cursor;
        seen.cursors.push(data.events.cursor);
      },
      error: (error) => seen.cursors.push(`error: ${JSON.stringify(error)}`),
      complete: () => seen.cursors.push("completed"),
    },
  );
  return seen;
}

const cursorsOf = async ({ tenantId }: Somebody, type: string) =>
  (
    await server.database.admin.query<{ cursor: string }>(
      "select events.cursor_of(position) as cursor from events.events where tenant_id = $1 and type like $2 and row_count = 1 order by position",
      [tenantId, type],
    )
  ).rows.map(({ cursor }) => cursor);

/** Transactions of a few changes each; some take their time, some are rolled back. */
async function write({ tenantId }: Somebody, transactions: number): Promise<void> {
  const client = await server.database.admin.connect();
  try {
    for (let i = 0; i < transactions; i++) {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
      for (let change = 0; change < 3; change++) {
        await client.query("insert into crm.contacts (first_name) values ('x')");
        if (Math.random() < 0.05) await sleep(Math.random() * 60);
      }
      if (i % 4 === 0) await client.query("insert into lists.lists (name) values (gen_random_uuid()::text)");
      await client.query(i % 7 === 0 ? "rollback" : "commit");
    }
  } finally {
    client.release();
  }
}

it("clients whose connections are cut, and whose server restarts, get every event once, in order", async () => {
  const tenants = [await createSomebody(server), await createSomebody(server), await createSomebody(server)];
  const start = (await server.database.admin.query<{ cursor: string }>(
    "select events.cursor_of(coalesce(pg_sequence_last_value('events.positions'::regclass), 0)) as cursor",
  ))!.rows[0]!.cursor;
  const followers = tenants.flatMap((tenant) => [
    { tenant, type: "%", seen: follow(tenant, start, []) },
    { tenant, type: "contact.%", seen: follow(tenant, start, ["contact.*"]) },
    { tenant, type: "list.created", seen: follow(tenant, start, ["list.created"]) },
  ]);
  const had = new Map(await Promise.all(tenants.map(async (each) => [each, await cursorsOf(each, "%")] as const)));
  let isWriting = true;
  const writing = Promise.all(tenants.flatMap((tenant) => [write(tenant, 200), write(tenant, 200)])).finally(
    () => (isWriting = false),
  );
  let cuts = 0;
  for (let round = 0; isWriting || round < 20; round++) {
    await sleep(30 + Math.random() * 150);
    cuts += proxy.cut(0.3);
    if (round % 6 === 3) {
      await server.database.admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rowhouse changes' and datname = current_database()",
      );
    }
    if (round % 10 === 8) {
      proxy.target = undefined;
      await server.close();
      server = await startTestServer({}, server.database);
      proxy.target = portOf(server);
    }
  }
  await writing;
  expect(cuts).toBeGreaterThan(20);
  for (const { tenant, type, seen } of followers) {
    const before = new Set(had.get(tenant));
    const wanted = (await cursorsOf(tenant, type)).filter((cursor) => !before.has(cursor));
    expect(wanted.length).toBeGreaterThan(50);
    await until(`${wanted.length} events are there`, async () => seen.cursors.length >= wanted.length);
    expect(seen.cursors).toEqual(wanted);
    expect(seen.connections).toBeGreaterThan(1);
  }
  await sleep(200);
  expect(followers.flatMap(({ seen }) => seen.cursors).length).toBeGreaterThan(5000);
  expect(followers.map(({ seen }) => seen.cursors.at(-1))).not.toContain("completed");
});
