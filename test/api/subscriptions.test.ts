import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import WebSocket from "ws";
import { encodeTypeId } from "../../lib/type-id.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { openSocket, type TestSocket } from "../support/socket.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let ann: Somebody;
let bob: Somebody;
const sockets: TestSocket[] = [];

beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  ann = await createSomebody(server);
  bob = await createSomebody(server);
});
afterEach(async () => {
  for (const { client } of sockets.splice(0)) await client.dispose();
});
afterAll(() => server.remove());

const importProgress =
  "subscription($id: ID!) { listImportProgress(importId: $id) { status lineCount list { name } } }";

function open(
  token: string | undefined,
  params = token ? { authorization: `Bearer ${token}` } : undefined,
): TestSocket {
  const socket = openSocket(server.socketUrl, params);
  sockets.push(socket);
  return socket;
}
const setImport = (somebody: Somebody, set: string) =>
  inTenant(server, somebody.tenantId, `update lists.list_imports set ${set} where id = $1`, [somebody.importId]);
const follow = (somebody: Somebody, id = somebody.importTypeId) =>
  open(somebody.token()).subscribe(importProgress, { id });

describe("listImportProgress", () => {
  it("tells the present state at once, then each later one, and completes when the import has ended", async () => {
    const progress = follow(ann);
    expect((await progress.next()).data.listImportProgress).toEqual({
      status: "AWAITING_UPLOAD",
      lineCount: "0",
      list: { name: "Members" },
    });
    await setImport(ann, "status = 'uploading', line_count = 7");
    expect((await progress.next()).data.listImportProgress).toMatchObject({ status: "UPLOADING", lineCount: "7" });
    await setImport(ann, "status = 'failed', line_count = 9");
    expect((await progress.next()).data.listImportProgress).toMatchObject({ status: "FAILED", lineCount: "9" });
    await progress.completed;
  });

  it("of an import that has ended tells its end, and completes", async () => {
    await setImport(ann, "status = 'cancelled'");
    const progress = follow(ann);
    expect((await progress.next()).data.listImportProgress.status).toBe("CANCELLED");
    await progress.completed;
  });

  it("of another tenant's import is NOT_FOUND, whatever happens there", async () => {
    const progress = follow(ann, bob.importTypeId);
    const { data, errors } = await progress.next();
    expect(data.listImportProgress).toBeNull();
    expect(errors[0].extensions.code).toBe("NOT_FOUND");
    await progress.completed;
  });

  it("is not woken by another tenant", async () => {
    const progress = follow(ann);
    await progress.next();
    await setImport(bob, "line_count = 5");
    await setImport(ann, "line_count = 6");
    expect((await progress.next()).data.listImportProgress.lineCount).toBe("6");
  });

  it("refuses an id of another kind, a session without a tenant, and plain HTTP", async () => {
    const wrong = follow(ann, encodeTypeId("list", ann.listId));
    expect((await wrong.next()).errors[0].extensions.code).toBe("VALIDATION_FAILED");
    const { token } = server.tokens.sign({ userId: ann.userId, role: "viewer" });
    const nowhere = open(token).subscribe(importProgress, { id: ann.importTypeId });
    expect((await nowhere.next()).errors[0].extensions.code).toBe("TENANT_REQUIRED");
    const { errors } = await server.post(importProgress, { token: ann.token(), variables: { id: ann.importTypeId } });
    expect(errors![0]!.message).toContain("WebSocket");
  });

  it("survives the loss of the connection that hears changes, and misses nothing of that time", async () => {
    const progress = follow(ann);
    await progress.next();
    await server.database.admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rowhouse changes' and datname = current_database()",
    );
    await setImport(ann, "line_count = 70");
    expect((await progress.next()).data.listImportProgress.lineCount).toBe("70");
    await setImport(ann, "line_count = 71");
    expect((await progress.next()).data.listImportProgress.lineCount).toBe("71");
  });

  it("shows a subscriber who takes nothing only the latest state afterwards", async () => {
    const socket = new WebSocket(server.socketUrl, "graphql-transport-ws");
    await once(socket, "open");
    const messages: any[] = [];
    socket.on("message", (data) => messages.push(JSON.parse(String(data))));
    socket.send(JSON.stringify({ type: "connection_init", payload: { token: ann.token() } }));
    await until("the socket is acknowledged", async () => messages.some(({ type }) => type === "connection_ack"));
    // Four megabytes a state are more than the network takes for somebody who does not read.
    const query = "subscription($id: ID!) { listImportProgress(importId: $id) { lineCount mapping } }";
    await inTenant(
      server,
      ann.tenantId,
      "update lists.list_imports set mapping = jsonb_build_object('x', repeat('y', 4000000)) where id = $1",
      [ann.importId],
    );
    socket.send(
      JSON.stringify({ id: "1", type: "subscribe", payload: { query, variables: { id: ann.importTypeId } } }),
    );
    await until("the first state is there", async () => messages.some(({ type }) => type === "next"));
    (socket as unknown as { _socket: { pause(): void } })._socket.pause();
    for (let line = 1; line <= 40; line++) await setImport(ann, `line_count = ${line}`);
    await sleep(500);
    (socket as unknown as { _socket: { resume(): void } })._socket.resume();
    const last = () => messages.at(-1)?.payload?.data?.listImportProgress.lineCount as string;
    await until("the last state is there", async () => last() === "40");
    expect(messages.filter(({ type }) => type === "next").length).toBeLessThan(20);
    socket.terminate();
  });
});

describe("exportProgress and enrichmentProgress", () => {
  it("follow an export to its end", async () => {
    await inTenant(server, ann.tenantId, "insert into lists.export_jobs (list_id) values ($1)", [ann.listId]);
    const made = await server.database.admin.query<{ id: string }>(
      "select id from lists.export_jobs where tenant_id = $1",
      [ann.tenantId],
    );
    const { id } = made.rows[0]!;
    const query = "subscription($id: ID!) { exportProgress(exportId: $id) { status rowCount } }";
    const progress = open(ann.token()).subscribe(query, { id: encodeTypeId("exp", id) });
    expect((await progress.next()).data.exportProgress.status).toBe("QUEUED");
    await inTenant(
      server,
      ann.tenantId,
      "update lists.export_jobs set status = 'failed', row_count = 3 where id = $1",
      [id],
    );
    expect((await progress.next()).data.exportProgress).toEqual({ status: "FAILED", rowCount: "3" });
    await progress.completed;
  });

  it("follow the batches of a plan until its run has ended", async () => {
    const made = await server.database.admin.query<{ id: string }>(
      "insert into lists.enrichment_plans (tenant_id, list_id, name) values ($1, $2, 'Phones') returning id",
      [ann.tenantId, ann.listId],
    );
    const planId = made.rows[0]!.id;
    const query =
      "subscription($id: ID!) { enrichmentProgress(planId: $id) { runCount enrichmentQueueJobs { nodes { processedCount } } } }";
    const progress = open(ann.token()).subscribe(query, { id: encodeTypeId("plan", planId) });
    expect((await progress.next()).data.enrichmentProgress.runCount).toBe(0);
    await inTenant(
      server,
      ann.tenantId,
      `with plan as (update lists.enrichment_plans set run_count = 1 where id = $1 returning tenant_id, id, list_id)
       insert into lists.enrichment_queue_jobs
         (tenant_id, enrichment_plan_id, list_id, run_number, batch_number, first_entry_id, last_entry_id, entry_count)
       select tenant_id, id, list_id, 1, 1, uuidv7(), uuidv7(), 10 from plan`,
      [planId],
    );
    expect((await progress.next()).data.enrichmentProgress).toEqual({
      runCount: 1,
      enrichmentQueueJobs: { nodes: [{ processedCount: 0 }] },
    });
    const finish =
      "update lists.enrichment_queue_jobs set status = 'failed', processed_count = 10 where enrichment_plan_id = $1";
    await inTenant(server, ann.tenantId, finish, [planId]);
    expect((await progress.next()).data.enrichmentProgress.enrichmentQueueJobs.nodes).toEqual([{ processedCount: 10 }]);
    await progress.completed;
  });
});

it("a statement that touches thousands of rows notifies once, within the limit of a notification", async () => {
  const list = [ann.tenantId, ann.listId];
  await server.database.admin.query(
    "insert into lists.list_imports (tenant_id, list_id) select $1, $2 from generate_series(1, 3000)",
    list,
  );
  const progress = follow(ann);
  await progress.next();
  await inTenant(server, ann.tenantId, "update lists.list_imports set line_count = 4", []);
  expect((await progress.next()).data.listImportProgress.lineCount).toBe("4");
});

it("all subscribers of one row on one socket see each state of it", async () => {
  const socket = open(ann.token());
  const all = Array.from({ length: 40 }, () => socket.subscribe(importProgress, { id: ann.importTypeId }));
  await Promise.all(all.map((each) => each.next()));
  await setImport(ann, "status = 'cancelled'");
  for (const each of all) expect((await each.next()).data.listImportProgress.status).toBe("CANCELLED");
  await Promise.all(all.map((each) => each.completed));
});
