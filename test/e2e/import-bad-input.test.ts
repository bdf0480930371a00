import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { WorkerApp } from "../../worker/app.ts";
import { downloadRejects, readImport, startImport, untilImported, upload, type FileBody } from "../support/imports.ts";
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
const staged = async () =>
  (
    await server.database.admin.query("select to_regclass(lists.import_staging_name($1)) is not null as is_there", [
      importId,
    ])
  ).rows[0].is_there;

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

describe("a file that is no list is refused with what it is, and the import takes another", () => {
  const png = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
  const zip = Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(2000, 7)]);
  test.each<[string, FileBody, string, RegExp]>([
    ["a PNG image", png, "NOT_A_LIST", /a PNG image/],
    ["a PDF document", "%PDF-1.7\n1 0 obj\n<<>>\n", "NOT_A_LIST", /a PDF document/],
    ["an Excel workbook", zip, "NOT_A_LIST", /Excel workbook/],
    ["an HTML page", "<!doctype html><title>502</title>", "NOT_A_LIST", /HTML/],
    ["a JSON array", '[{"name":"Ann"},{"name":"Bo"}]', "NOT_A_LIST", /JSON array.*JSON Lines/],
    ["text in another encoding", Buffer.from("name\nZo\xeb\nJos\xe9\n", "latin1"), "WRONG_ENCODING", /UTF-8/],
    ["rows without a header", "ann@example.com,5\nbo@example.com,6\n", "HEADER_MISSING", /Add a header/],
    ["a header of NUL bytes", "na\0me,email\nAnn,a@example.com\n", "HEADER_UNREADABLE", /first line cannot be read/],
    ["an empty file", "", "NOT_A_LIST", /empty.*at least one row/],
    ["blank lines", "\n\n \n", "NOT_A_LIST", /empty/],
    ["a header alone", "name,email\n", "NOT_A_LIST", /header and no rows/],
    ["damaged gzip", Buffer.concat([gzipSync(good).subarray(0, 10), Buffer.alloc(60, 0xff)]), "NOT_A_LIST", /damaged/],
    [
      "a bomb",
      gzipSync(Buffer.alloc(64 * 1024 * 1024, `a,${"b".repeat(60_000)}\n`)),
      "DECOMPRESSION_LIMIT",
      /decompressed/,
    ],
  ])("%s", async (_, file, problem, message) => {
    await begin();
    const code = problem === "DECOMPRESSION_LIMIT" ? "LIMIT_EXCEEDED" : "VALIDATION_FAILED";
    const answer = await send(file);
    expect(answer).toMatchObject({ body: { code, message: expect.stringMatching(message), details: { problem } } });
    expect(answer.status).toBe(code === "LIMIT_EXCEEDED" ? 413 : 400);
    expect(await status()).toMatchObject({ status: "failed", errorCode: code, errorMessage: answer.body.message });
    expect(await staged()).toBe(false);
    await expectToGoOn();
  });

  test("a mapping of a header that the file does not have", async () => {
    await begin({ mapping: { "E-mail": "email" } });
    const answer = await send(good);
    expect(answer).toMatchObject({
      status: 400,
      body: { code: "VALIDATION_FAILED", details: { problem: "BAD_MAPPING" } },
    });
    expect(answer.body.message).toMatch(/"E-mail", which the file does not have.*"name", "email"/);
    expect(await status()).toMatchObject({ status: "failed", errorMessage: answer.body.message });
    expect(await send("name,E-mail\nAnn,ann@example.com\n")).toMatchObject({ status: 202 });
  });

  test("a file that is refused leaves nothing of how it was read to the next", async () => {
    await begin();
    const semicolons = `name;note
${`Ann;${"n".repeat(900)}
`.repeat(40_000)}`;
    expect(await send(semicolons)).toMatchObject({ status: 413 });
    await expectToGoOn();
    expect(await status()).toMatchObject({ delimiter: ",", encoding: "utf-8", format: "csv" });
  });
});

describe("bad lines are rejected by number and reason, and the others come in", () => {
  test.each<[string, FileBody, [number, string][], string[]]>([
    [
      "ragged rows",
      "name,email\nAnn,ann@example.com\nBo\nCy,c@example.com,3\nDee,\n",
      [
        [3, "TOO_FEW_FIELDS"],
        [4, "TOO_MANY_FIELDS"],
      ],
      ["Ann", "Dee"],
    ],
    [
      "NUL bytes",
      "name,email\nAnn,a@example.com\nB\0o,b@example.com\nCy,c@example.com\n",
      [[3, "NUL_BYTE"]],
      ["Ann", "Cy"],
    ],
    ["a line of 10 MB", `name,email\nAnn,\n${"x".repeat(10_000_000)},\nCy,\n`, [[3, "LINE_TOO_LONG"]], ["Ann", "Cy"]],
    ["an open quote", 'name,email\nAnn,\n"Bo,\nCy,\n', [[3, "UNCLOSED_QUOTE"]], ["Ann", "Cy"]],
    [
      "broken JSON",
      '{"name":"Ann"}\n{"name":\n7\n{"name":"Dee"}\n',
      [
        [2, "INVALID_JSON"],
        [3, "NOT_AN_OBJECT"],
      ],
      ["Ann", "Dee"],
    ],
  ])("%s", async (_, file, rejected, kept) => {
    await begin({ duplicatePolicy: "keep" });
    expect(await send(file, "", { "content-type": "application/octet-stream" })).toMatchObject({
      status: 202,
      body: { status: expect.stringMatching(/queued|merging|completed/), rejectedCount: rejected.length },
    });
    expect(await untilImported(server, mia, importId)).toMatchObject({
      status: "completed",
      acceptedCount: kept.length,
      insertedCount: kept.length,
      rejectedCount: rejected.length,
    });
    expect(await names()).toEqual(kept);
    const [header, ...lines] = (await downloadRejects(server, mia, importId)).trimEnd().split(/\n(?=\d+,[A-Z_]+,)/);
    expect(header).toBe("line_number,reason_code,reason,raw");
    expect(lines).toEqual(
      rejected.map(([line, code]) =>
        expect.stringMatching(new RegExp(`^${line},${code},"?The line|^${line},${code},"?A quoted`)),
      ),
    );
  });

  test("a cell of the reject file is no formula", async () => {
    await begin();
    await send("name,email\nAnn,\n=HYPERLINK(1)\n");
    expect(await downloadRejects(server, mia, importId)).toMatch(/^3,TOO_FEW_FIELDS,.*,'=HYPERLINK\(1\)$/m);
  });
});

describe("an upload that breaks off keeps what came and goes on when the same file is sent again", () => {
  const rows = (count: number) => Array.from({ length: count }, (_, i) => `P${i},p${i}@example.com`).join("\n");
  const file = `name,email\n${rows(20_000)}\n`;

  test("a socket that closes in the middle", async () => {
    await begin();
    const { port } = new URL(server.origin);
    const sending = request({
      ...{ host: "127.0.0.1", port, path: `/imports/${importId}`, method: "POST" },
      headers: { authorization: `Bearer ${mia.token()}`, "content-length": file.length },
    });
    sending.on("error", () => undefined);
    sending.write(file.slice(0, file.length / 2));
    await until("the import is being received", async () => (await status()).status === "uploading");
    sending.destroy();
    const cut = await until("the import is interrupted", async () => {
      const row = await status();
      return row.status === "interrupted" && row;
    });
    expect(cut).toMatchObject({
      errorCode: "INVALID_STATE",
      errorMessage: expect.stringMatching(/Send the same file again/),
    });

    expect(await send(file.replace("P3,", "Q3,"))).toMatchObject(
      cut.acceptedCount > 3
        ? { status: 409, body: { code: "CONFLICT", details: { problem: "RESUME_MISMATCH" } } }
        : { status: 202 },
    );
    expect(await status()).toMatchObject({ status: "interrupted", acceptedCount: cut.acceptedCount });
    expect(cut.acceptedCount).toBeGreaterThan(1000);
    expect(await send(file)).toMatchObject({ status: 202 });
    expect(await untilImported(server, mia, importId)).toMatchObject({ status: "completed", insertedCount: 20_000 });
    expect(new Set(await names()).size).toBe(20_000);
  });

  test("gzip that was cut", async () => {
    await begin();
    const zipped = gzipSync(file);
    expect(await send(zipped.subarray(0, zipped.length - 20_000))).toMatchObject({
      status: 409,
      body: { code: "INVALID_STATE", message: expect.stringMatching(/compressed data ends too early/) },
    });
    const cut = await status();
    expect(cut).toMatchObject({ status: "interrupted", errorCode: "INVALID_STATE" });
    expect(cut.acceptedCount).toBeGreaterThan(1000);
    expect(await send(zipped)).toMatchObject({ status: 202 });
    expect(await untilImported(server, mia, importId)).toMatchObject({ status: "completed", insertedCount: 20_000 });
  });

  test("a database connection that is lost", async () => {
    await begin();
    let more: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => (more = resolve));
    const halves = [file.slice(0, file.length / 2), file.slice(file.length / 2)].map((half) => Buffer.from(half));
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (halves.length === 1) await asked;
        const half = halves.shift();
        if (half) controller.enqueue(half);
        else controller.close();
      },
    });
    const answer = send(body);
    await until("the import is being received", async () => (await status()).status === "uploading");
    await server.database.admin.query(
      `select pg_terminate_backend(l.pid) from pg_locks l join pg_stat_activity a using (pid)
       where l.locktype = 'advisory' and l.granted and a.application_name = 'rowhouse server'`,
    );
    more!();
    expect(await answer).toMatchObject({ status: 409, body: { code: "INVALID_STATE" } });
    expect(await status()).toMatchObject({ status: "interrupted" });
    expect(await send(file)).toMatchObject({ status: 202 });
    expect(await untilImported(server, mia, importId)).toMatchObject({ status: "completed", insertedCount: 20_000 });
  });
});
