import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { encodeTypeId } from "../../lib/type-id.ts";
import type { WorkerApp } from "../../worker/app.ts";
import { startTestWorker } from "../support/jobs.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { importInto, startImport, untilImported, upload } from "../support/imports.ts";

let server: TestServer;
let worker: WorkerApp;
let mia: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  worker = await startTestWorker(server.database);
  mia = await createSomebody(server);
});

afterAll(async () => {
  await worker?.stop();
  await server?.remove();
});

const ask = async (query: string, variables: object) => {
  const { data, errors } = await server.post(query, { token: mia.token(), variables });
  if (errors) throw new Error(errors[0]!.message);
  return data;
};

const countEntries = async () =>
  (
    await server.database.admin.query(
      "select count(*)::int as n from lists.list_entries where list_id = $1 and deleted_at is null",
      [mia.listId],
    )
  ).rows[0].n;

test("the demo file comes in whole", async () => {
  const file = readFileSync(new URL("../../db/seed/us-legislators-offices.csv", import.meta.url));
  const imported = await importInto(server, mia, file, { duplicatePolicy: "keep" });
  expect(imported).toMatchObject({ status: "completed", acceptedCount: 1849, rejectedCount: 0, insertedCount: 1849 });
});

test("an import is started, sent, watched and undone through the API", async () => {
  mia = await createSomebody(server);
  const { startImport: started } = await ask(
    `mutation ($listId: ID!) {
      startImport(input: { listId: $listId, fileName: "people.csv", duplicatePolicy: FILL, mapping: { Name: "full_name", Mail: "email", Note: null } }) {
        listImport { id rowId status uploadPath duplicatePolicy }
      }
    }`,
    { listId: encodeTypeId("list", mia.listId) },
  );
  const { id, rowId, uploadPath, ...rest } = started.listImport;
  expect(uploadPath).toBe(`/imports/${rowId}`);
  expect(rest).toEqual({ status: "AWAITING_UPLOAD", duplicatePolicy: "FILL" });

  // The route takes the id of either kind.
  const answer = await upload(server, mia, id, "Name;Mail;Note\nAnn;Ann@Example.com;x\nBo;ann@example.com;\nCy\n");
  expect(answer).toMatchObject({ status: 202, body: { rowId, acceptedCount: 2, rejectedCount: 1 } });
  await untilImported(server, mia, rowId);
  const read = `query ($id: ID!) { listImport(id: $id) {
    status format encoding delimiter headers insertedCount skippedCount filledCount rejectedCount errorCode
    rows(orderBy: [LINE_NUMBER_ASC]) { nodes { lineNumber outcome reasonCode } }
  } }`;
  expect((await ask(read, { id })).listImport).toMatchObject({
    ...{ status: "COMPLETED", format: "CSV", encoding: "utf-8", delimiter: ";", errorCode: null },
    headers: [
      { name: "Name", mappedTo: "full_name" },
      { name: "Mail", mappedTo: "email" },
      { name: "Note", mappedTo: null },
    ],
    rows: {
      nodes: [
        { lineNumber: "3", outcome: "SKIPPED", reasonCode: "DUPLICATE" },
        { lineNumber: "4", outcome: "REJECTED", reasonCode: "TOO_FEW_FIELDS" },
      ],
    },
  });
  expect(await countEntries()).toBe(1);

  const undo = `mutation ($id: ID!) { undoImport(input: { importId: $id }) { listImport { status } } }`;
  expect((await ask(undo, { id })).undoImport.listImport).toEqual({ status: "UNDOING" });
  expect(await untilImported(server, mia, rowId)).toMatchObject({ status: "undone" });
  expect(await countEntries()).toBe(0);
  await expect(ask(undo, { id })).rejects.toThrow(/is undone\. Only a completed import can be undone/);
});

test.each<[string, string | Uint8Array<ArrayBuffer>, Record<string, string>]>([
  ["TSV", "name\temail\nAnn\tann@example.com\n", { "content-type": "text/tab-separated-values" }],
  ["JSON Lines", '{"name":"Ann","email":"ann@example.com"}\n', { "content-type": "application/x-ndjson" }],
  ["gzip", gzipSync("name,email\nAnn,ann@example.com\n"), { "content-encoding": "gzip" }],
  ["UTF-16", Buffer.from("\ufeffname,email\r\nAnn,ann@example.com\r\n", "utf16le"), {}],
])("a file of %s comes in", async (_, file, headers) => {
  mia = await createSomebody(server);
  const id = await startImport(server, mia);
  expect(await upload(server, mia, id, file, "", headers)).toMatchObject({ status: 202 });
  expect(await untilImported(server, mia, id)).toMatchObject({ status: "completed", insertedCount: 1 });
  const { rows } = await server.database.admin.query(
    "select full_name, email from lists.list_entries where list_import_id = $1",
    [id],
  );
  expect(rows).toEqual([{ full_name: "Ann", email: "ann@example.com" }]);
});
