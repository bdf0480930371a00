import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { downloadRejects, readImport, startImport, upload } from "../support/imports.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let mia: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  mia = await createSomebody(server);
});
afterAll(() => server?.remove());

test("all rejected lines are downloaded, however many, in order", async () => {
  const importId = await startImport(server, mia);
  const bad = Array.from({ length: 4500 }, (_, i) => `=${i},"a ""b""\n`).join("");
  const answer = await upload(server, mia, importId, `name,email,city\nAnn,ann@example.com,Oslo\n${bad}`);
  expect(answer).toMatchObject({ status: 202, body: { rejectedCount: 4500 } });
  const lines = (await downloadRejects(server, mia, importId)).split("\n");
  expect(lines[0]).toBe("line_number,reason_code,reason,raw");
  const numbers = lines.slice(1).flatMap((line) => /^(\d+),[A-Z_]+,/.exec(line)?.[1] ?? []);
  expect(numbers).toEqual(Array.from({ length: 4500 }, (_, i) => String(i + 3)));
  expect(lines[1]).toMatch(/,"'=0,""a """"b""""/);
});

test("a server that shuts down interrupts its uploads, keeps what came, and says how to go on", async () => {
  const importId = await startImport(server, mia);
  const line = (i: number) => `Person ${i},p${i}@example.com,Oslo\n`;
  let last: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      last = controller;
      controller.enqueue(Buffer.from(`name,email,city\n${Array.from({ length: 60_000 }, (_, i) => line(i)).join("")}`));
    },
  });
  const answered = upload(server, mia, importId, body);
  await until("some lines are kept", async () => (await readImport(server, mia, importId)).acceptedCount > 0);
  const closed = server.close();
  const answer = await answered;
  expect(answer).toMatchObject({
    status: 409,
    body: { code: "INVALID_STATE", message: expect.stringContaining("Send the same file again") },
  });
  last?.error(new Error("enough"));
  await closed;
  const { rows } = await server.database.admin.query(
    "select status, accepted_count::int as kept, checkpoint is not null as resumes from lists.list_imports where id = $1",
    [importId],
  );
  expect(rows).toEqual([{ status: "interrupted", kept: 60_000, resumes: true }]);
});
