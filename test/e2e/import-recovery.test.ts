import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { encodeTypeId } from "../../lib/type-id.ts";
import { readImport, startImport, untilImported, upload } from "../support/imports.ts";
import { startTestWorker } from "../support/jobs.ts";
import { memoryOf, startMainProcess, type MainProcess } from "../support/server-process.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let mia: Somebody;
let importId: string;
const processes: MainProcess[] = [];

beforeAll(async () => {
  server = await startTestServer();
});
afterEach(() => Promise.all(processes.splice(0).map((each) => each.kill())));
afterAll(() => server?.remove());

/** A server process beside the one of the test: the same database, another port. */
async function startServerProcess(): Promise<TestServer & { process: MainProcess }> {
  const process = await startMainProcess("server", server.database);
  processes.push(process);
  return { ...server, origin: process.origin, process };
}

async function startWorkerProcess(): Promise<MainProcess> {
  const process = await startMainProcess("worker", server.database);
  processes.push(process);
  return process;
}

const begin = async (settings = {}) => {
  mia = await createSomebody(server);
  importId = await startImport(server, mia, settings);
};
const status = () => readImport(server, mia, importId);

/** Runs `work` while a worker takes jobs; it frees those of dead workers soon. */
async function withWorker<T>(work: () => Promise<T>): Promise<T> {
  const worker = await startTestWorker(server.database);
  try {
    return await work();
  } finally {
    await worker.stop();
  }
}

const rowCount = 150_000;
const line = (i: number) => `Person ${i},person.${i}@example.com,Company ${i % 1000},${i} Main Street\n`;

/** A file of many rows, a thousand at a time; stands still at row `holdAt` until it is let go. */
function manyRows({
  holdAt = -1,
  until: released = Promise.resolve(),
  name = "name",
} = {}): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (at === holdAt) await released;
      let text = at === 0 ? `${name},email,company,address\n` : "";
      for (let i = 0; i < 1000; i++) text += line(at++);
      controller.enqueue(Buffer.from(text));
      if (at >= rowCount) controller.close();
    },
  });
}

const never = () => new Promise<void>(() => undefined);

const stagedCount = async () => {
  const named = await server.database.admin.query("select lists.import_staging_name($1) as name", [importId]);
  const { rows } = await server.database.admin.query(`select count(*)::int as n from ${named.rows[0].name}`);
  return rows[0].n as number;
};

const isStaged = async () =>
  (await server.database.admin.query("select to_regclass(lists.import_staging_name($1)) as name", [importId])).rows[0]
    .name !== null;

/** All entries of the list, and how many different lines and e-mails they have. */
const tally = async () =>
  (
    await server.database.admin.query(
      `select count(*)::int as entries, count(distinct line_number)::int as lines, count(distinct email)::int as emails
       from lists.list_entries where list_id = $1`,
      [mia.listId],
    )
  ).rows[0];

const cancel = async () => {
  const mutation = "mutation ($id: ID!) { cancelImport(input: { importId: $id }) { listImport { status } } }";
  const variables = { id: encodeTypeId("imp", importId) };
  const { data, errors } = await server.post(mutation, { token: mia.token(), variables });
  if (errors) throw new Error(errors[0]!.message);
  return data.cancelImport.listImport.status as string;
};

test("after a server was killed in the middle of an upload, the same file goes on after the lines that were kept", async () => {
  await begin({ duplicatePolicy: "keep" });
  const first = await startServerProcess();
  const answer = upload(first, mia, importId, manyRows({ holdAt: 120_000, until: never() })).catch(() => "cut off");
  await until("lines are kept", async () => (await status()).acceptedCount > 0);
  await first.process.kill();
  expect(await answer).toBe("cut off");
  const kept = await status();
  expect(kept).toMatchObject({ status: "uploading" });
  expect(await stagedCount()).toBe(kept.acceptedCount);

  const second = await startServerProcess();
  expect(await upload(second, mia, importId, manyRows({ name: "full name" }))).toMatchObject({
    status: 409,
    body: { code: "CONFLICT", message: expect.stringMatching(/not the file whose upload was interrupted/) },
  });
  expect(await status()).toMatchObject({ status: "interrupted", acceptedCount: kept.acceptedCount });
  expect(await stagedCount()).toBe(kept.acceptedCount);

  expect(await upload(second, mia, importId, manyRows())).toMatchObject({
    status: 202,
    body: { acceptedCount: rowCount, rejectedCount: 0 },
  });
  expect(await stagedCount()).toBe(rowCount);
  const done = await withWorker(() => untilImported(server, mia, importId));
  expect(done).toMatchObject({ status: "completed", insertedCount: rowCount });
  expect(await tally()).toEqual({ entries: rowCount, lines: rowCount, emails: rowCount });
});

test("after a worker was killed in the middle of a merge, it happens once", async () => {
  await begin({ duplicatePolicy: "fill" });
  const people = Array.from({ length: 1000 }, (_, i) => `P${i},p${i}@example.com,\n`).join("");
  const file = `name,email,city\n${people}P,p7@example.com,Rome\n`;
  expect(await upload(server, mia, importId, file)).toMatchObject({ status: 202 });
  const holder = await server.database.admin.connect();
  try {
    await holder.query("begin");
    await holder.query("select from lists.lists where id = $1 for update", [mia.listId]);
    const worker = await startWorkerProcess();
    await until("the merge is under way", async () => {
      const waiting = await server.database.admin.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
         and application_name = 'rowhouse worker' and query like '%merge_import%'`,
      );
      return waiting.rowCount === 1;
    });
    await worker.kill();
    expect(await status()).toMatchObject({ status: "merging" });
  } finally {
    await holder.query("rollback");
    holder.release();
  }
  await until("PostgreSQL has noticed", async () => {
    const left = await server.database.admin.query(
      "select from pg_stat_activity where datname = current_database() and application_name = 'rowhouse worker'",
    );
    return left.rowCount === 0;
  });
  expect(await tally()).toMatchObject({ entries: 0 });

  const done = await withWorker(() => untilImported(server, mia, importId));
  expect(done).toMatchObject({ status: "completed", insertedCount: 1000, filledCount: 1 });
  expect(await tally()).toEqual({ entries: 1000, lines: 1000, emails: 1000 });
  expect(await isStaged()).toBe(false);
});

test("an upload that somebody cancels ends for its sender, and leaves nothing", async () => {
  await begin();
  let release: (() => void) | undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const answer = upload(server, mia, importId, manyRows({ holdAt: 120_000, until: released }));
  await until("lines are kept", async () => (await status()).acceptedCount > 0);
  expect(await cancel()).toBe("CANCELLED");
  expect(await isStaged()).toBe(false);
  release!();
  expect(await answer).toMatchObject({
    status: 409,
    body: { code: "INVALID_STATE", message: "This import was cancelled while its file was being sent." },
  });
  expect(await status()).toMatchObject({ status: "cancelled", errorCode: null });
  expect(await isStaged()).toBe(false);
  expect(await upload(server, mia, importId, manyRows())).toMatchObject({
    status: 409,
    body: { code: "INVALID_STATE" },
  });
});

test("an import that is cancelled while it waits for its merge is never merged", async () => {
  await begin();
  expect(await upload(server, mia, importId, "name\nAnn\n")).toMatchObject({ status: 202, body: { status: "queued" } });
  expect(await cancel()).toBe("CANCELLED");
  expect(await isStaged()).toBe(false);
  await withWorker(() =>
    until("the queue is empty", async () => {
      const { rowCount: left } = await server.database.admin.query("select from graphile_worker._private_jobs");
      return left === 0;
    }),
  );
  expect(await status()).toMatchObject({ status: "cancelled", insertedCount: 0 });
  expect(await tally()).toMatchObject({ entries: 0 });
  await expect(cancel()).rejects.toThrow(/is cancelled and cannot be cancelled/);
});

test("hundreds of megabytes go through a server in little memory, whether their lines are good or bad", async () => {
  const child = await startServerProcess();
  for (const isGood of [true, false]) {
    await begin({ duplicatePolicy: "keep" });
    await upload(child, mia, importId, "name,note\nAnn,warm\n");
    importId = await startImport(server, mia, { isDryRun: true });
    const before = memoryOf(child.process.child);
    if (before === undefined) return;
    const note = "n".repeat(isGood ? 8_000 : 1_900);
    const piece = Buffer.from(`Ann,${note}${isGood ? "" : ",too,many"}\n`.repeat(30));
    let sent = 0;
    let most = 0;
    const file = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(sent === 0 ? Buffer.from("name,note\n") : piece);
        sent += piece.length;
        most = Math.max(most, memoryOf(child.process.child)!);
        if (sent > (isGood ? 300_000_000 : 120_000_000)) controller.close();
      },
    });
    expect(await upload(child, mia, importId, file)).toMatchObject({ status: 202 });
    expect(most - before).toBeLessThan(150);
    expect(await cancel()).toBe("CANCELLED");
  }
}, 120_000);
