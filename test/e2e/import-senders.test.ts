import { once } from "node:events";
import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { encodeTypeId } from "../../lib/type-id.ts";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import express from "express";
import { pino } from "pino";
import { authenticate } from "../../server/auth/authenticate.ts";
import { importUpload } from "../../server/http/import-upload.ts";
import { listen } from "../../server/http/listen.ts";
import { requestScope } from "../../server/http/request-scope.ts";
import { sendError } from "../../server/http/send-error.ts";
import type { WorkerApp } from "../../worker/app.ts";
import { readImport, startImport, untilImported, upload, type FileBody } from "../support/imports.ts";
import { startTestWorker } from "../support/jobs.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const bytesMax = 30_000_000;
const good = "name,email\nAnn,ann@example.com\nBo,bo@example.com\n";

let server: TestServer;
let worker: WorkerApp;
let mia: Somebody;
let importId: string;

beforeAll(async () => {
  server = await startTestServer({ ROWHOUSE_IMPORT_BYTES_MAX: String(bytesMax) });
  worker = await startTestWorker(server.database);
});
afterAll(async () => {
  await worker?.stop();
  await server?.remove();
});

const begin = async (settings = {}) => {
  mia = await createSomebody(server);
  importId = await startImport(server, mia, settings);
};
const send = (body: FileBody, query = "", headers = {}) => upload(server, mia, importId, body, query, headers);
const status = () => readImport(server, mia, importId);
const names = async () =>
  (
    await server.database.admin.query<{ full_name: string }>(
      "select full_name from lists.list_entries where list_id = $1 order by line_number",
      [mia.listId],
    )
  ).rows.map((row) => row.full_name);

/** Whatever happened, a correct file is taken by the same import, and comes in whole. */
async function expectToGoOn(): Promise<void> {
  expect(await send(good)).toMatchObject({ status: 202, body: { errorCode: null } });
  expect(await untilImported(server, mia, importId)).toMatchObject({
    status: "completed",
    insertedCount: 2,
    rejectedCount: 0,
  });
  expect(await names()).toEqual(["Ann", "Bo"]);
}

test("a file that the list has already names the earlier import, and comes in when that is wished", async () => {
  await begin({ duplicatePolicy: "keep" });
  await send(good);
  await untilImported(server, mia, importId);
  const earlier = importId;
  importId = await startImport(server, mia, { duplicatePolicy: "keep" });
  const answer = await send(gzipSync(good));
  expect(answer).toMatchObject({
    status: 409,
    body: { code: "CONFLICT", details: { importId: encodeTypeId("imp", earlier) } },
  });
  expect(answer.body.message).toMatch(new RegExp(`${encodeTypeId("imp", earlier)}.*\\?duplicate=allow`));
  expect(await status()).toMatchObject({ status: "failed", errorCode: "CONFLICT" });
  expect(await send(good, "?duplicate=allow")).toMatchObject({ status: 202 });
  await untilImported(server, mia, importId);
  expect(await names()).toEqual(["Ann", "Ann", "Bo", "Bo"]);
});

test("an import that has its file takes no other", async () => {
  await begin();
  await send(good);
  await untilImported(server, mia, importId);
  expect(await send(good)).toMatchObject({
    status: 409,
    body: { code: "INVALID_STATE", message: "This import is completed and takes no file. Start a new import." },
  });
  expect(await names()).toEqual(["Ann", "Bo"]);
});

test("a second sender is told to wait, and the first is not disturbed", async () => {
  await begin();
  let finish: (() => void) | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Buffer.from(good));
      finish = () => controller.close();
    },
  });
  const first = send(body);
  await until("the import is being received", async () => {
    const locks = await server.database.admin.query("select from pg_locks where locktype = 'advisory' and granted");
    return locks.rowCount === 1;
  });
  expect(await send(good)).toMatchObject({
    status: 409,
    body: { code: "CONFLICT", message: expect.stringMatching(/being uploaded to this import already/) },
  });
  finish!();
  expect(await first).toMatchObject({ status: 202 });
  expect(await untilImported(server, mia, importId)).toMatchObject({ status: "completed", insertedCount: 2 });
});

test("another tenant's import is answered like one that does not exist", async () => {
  await begin();
  const theirs = importId;
  const unknown = "01900000-0000-7000-8000-000000000000";
  mia = await createSomebody(server);
  for (const [path, method] of [
    ["", "POST"],
    ["", "GET"],
    ["/rejects", "GET"],
  ] as const) {
    const answers = [];
    for (const id of [theirs, unknown]) {
      const response = await fetch(`${server.origin}/imports/${id}${path}`, {
        ...{ method, ...(method === "POST" && { body: good }) },
        headers: { authorization: `Bearer ${mia.token()}` },
      });
      const { code, message } = (await response.json()) as { code: string; message: string };
      answers.push({ status: response.status, code, message: message.replace(encodeTypeId("imp", id), "<id>") });
    }
    expect(answers[0]).toEqual({ status: 404, code: "NOT_FOUND", message: "There is no import <id>." });
    expect(answers[1]).toEqual(answers[0]);
  }
  const { rows } = await server.database.admin.query("select status from lists.list_imports where id = $1", [theirs]);
  expect(rows).toEqual([{ status: "awaiting_upload" }]);
});

test.each([
  ["a viewer", () => `Bearer ${mia.token("viewer")}`, 403, "FORBIDDEN"],
  ["nobody", () => "", 401, "UNAUTHENTICATED"],
  ["somebody with a broken token", () => "Bearer nonsense", 401, "UNAUTHENTICATED"],
])("%s is refused", async (_, authorization, code, name) => {
  await begin();
  expect(await send(good, "", { authorization: authorization() })).toMatchObject({
    status: code,
    body: { code: name },
  });
  expect(await status()).toMatchObject({ status: "awaiting_upload" });
});

test.each<[string, Record<string, string>, RegExp]>([
  ["a form", { "content-type": "multipart/form-data; boundary=x" }, /not a form/],
  ["brotli", { "content-encoding": "br" }, /content encoding br/],
])("%s is refused before it is read", async (_, headers, message) => {
  await begin();
  expect(await send(good, "", headers)).toMatchObject({
    status: 400,
    body: { code: "VALIDATION_FAILED", message: expect.stringMatching(message) },
  });
  await expectToGoOn();
});

test("a file over the limit is refused while it is sent", async () => {
  await begin();
  const file = `name,note
${`Ann,${"n".repeat(900)}
`.repeat(40_000)}`;
  expect(await send(file)).toMatchObject({
    status: 413,
    body: { code: "LIMIT_EXCEEDED", details: { limit: bytesMax } },
  });
  expect(await status()).toMatchObject({ status: "failed", errorCode: "LIMIT_EXCEEDED" });
  await expectToGoOn();
});

test("senders who never finish leave room for everybody else", async () => {
  await begin();
  const senders = [];
  const { port } = new URL(server.origin);
  for (let i = 0; i < server.config.poolSize; i++) {
    const id = await startImport(server, mia);
    const sending = request({
      ...{ host: "127.0.0.1", port, path: `/imports/${id}`, method: "POST" },
      headers: { authorization: `Bearer ${mia.token()}` },
    });
    sending.on("error", () => undefined);
    sending.write("name,email\n");
    senders.push({ sending, answered: once(sending, "response").catch(() => undefined) });
  }
  await until("the server takes no more uploads", async () => {
    const answer = await send(good);
    if (answer.status === 202) importId = await startImport(server, mia);
    return answer.status === 503 && answer.body.code === "LIMIT_EXCEEDED";
  });
  expect((await fetch(`${server.origin}/readyz`)).status).toBe(200);
  expect(await status()).toMatchObject({ status: "awaiting_upload" });
  for (const { sending } of senders) sending.destroy();
  await until("the server takes uploads again", async () => (await send(good, "?duplicate=allow")).status === 202);
});

test("a sender who falls silent is hung up on, and its import can go on", async () => {
  await begin();
  const app = express();
  const options = {
    pool: server.database.server,
    config: server.config,
    log: pino({ level: "silent" }),
    silentMs: 300,
  };
  app.use("/imports", requestScope(), authenticate(server.tokens, sendError), importUpload(options));
  const { port, close } = await listen(app, { host: "127.0.0.1", port: 0 });
  const sending = request({
    ...{ host: "127.0.0.1", port, path: `/imports/${importId}`, method: "POST" },
    headers: { authorization: `Bearer ${mia.token()}` },
  });
  sending.write("name,email\nAnn,ann@example.com\n");
  await expect(once(sending, "response")).rejects.toThrow(/hang up|ECONNRESET/);
  const cut = await until("the import is interrupted", async () => {
    const row = await status();
    return row.status === "interrupted" && row;
  });
  expect(cut.errorMessage).toMatch(/Send the same file again/);
  await close();
  expect(await send(good)).toMatchObject({ status: 202 });
  expect(await untilImported(server, mia, importId)).toMatchObject({ status: "completed", insertedCount: 2 });
});
