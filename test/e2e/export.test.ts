import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "csv-parse/sync";
import { gunzipSync } from "node:zlib";
import { asTenant } from "../support/database.ts";
import { openExportHouse, type ExportHouse } from "../support/exports.ts";
import { createTenant, inTenant, insertEntries } from "../support/jobs.ts";

let house: ExportHouse;
let tenantId: string;
let listId: string;

const formulas = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "=", "-"];
const harmless = ["12", "-12.5", "+12025550100", "a=b", "O'Neil", "'=1", "5-3"];
const texts = [
  ...formulas,
  ...harmless,
  "",
  'say "hi", you',
  "two\nlines\r\nhere",
  "Zoë 李 🏡",
  "semi;colon",
  "\\N",
  "\\.",
];

beforeAll(async () => {
  house = await openExportHouse();
  ({ tenantId, listId } = await createTenant(house.database));
  const entries = texts.map((text, i) => ({ full_name: text, line_number: i + 2, data: { Note: text, "=evil": "x" } }));
  await insertEntries(house.database, tenantId, listId, entries);
  await inTenant(house.database, tenantId, (client) =>
    client.query(`update lists.lists set columns = '[{"name": "Note", "mappedTo": "full_name"}]' where id = $1`, [
      listId,
    ]),
  );
});
afterAll(() => house.close());

/** The rows of a finished CSV export, as arrays. */
async function csv(exportId: string): Promise<string[][]> {
  return parse(await house.content(exportId), { relax_column_count: false });
}

/** The rows of a finished JSONL export. */
async function jsonl(exportId: string): Promise<Record<string, unknown>[]> {
  const lines = (await house.content(exportId)).toString("utf8").split("\n");
  expect(lines.pop()).toBe("");
  return lines.map((line) => JSON.parse(line));
}

describe("a CSV export", () => {
  it("gives every cell back, with an apostrophe before what a spreadsheet would run", async () => {
    const { id, status, row_count } = await house.run(tenantId, listId, { columns: ["full_name", "data.Note"] });
    expect([status, row_count]).toEqual(["succeeded", String(texts.length)]);
    const expected = texts.map((text) => (formulas.includes(text) ? `'${text}` : text));
    expect(await csv(id)).toEqual([["full_name", "data.Note"], ...expected.map((text) => [text, text])]);
  });

  it("names its columns as they were imported, whatever signs they hold", async () => {
    const other = await createTenant(house.database);
    const headers = ["=evil", 'say "hi", you', "two\nlines", "李"];
    const data = Object.fromEntries(headers.map((header) => [header, header]));
    await insertEntries(house.database, other.tenantId, other.listId, [{ data }]);
    const columns = headers.map((header) => `data.${header}`);
    const { id } = await house.run(other.tenantId, other.listId, { columns });
    expect(await csv(id)).toEqual([columns, ["'=evil", ...headers.slice(1)]]);
  });

  it("tells an empty text from no text", async () => {
    const filter = { lineNumber: { equalTo: texts.indexOf("") + 2 } };
    const { id } = await house.run(tenantId, listId, { filter, columns: ["full_name", "tag"] });
    expect((await house.content(id)).toString()).toBe('full_name,tag\n"",\n');
  });

  it("keeps numbers, phones and closed lists as they are, and writes times and booleans as the API does", async () => {
    const { tenantId, listId } = await createTenant(house.database);
    await insertEntries(house.database, tenantId, listId, [
      {
        ...{ phone: "+1 (202) 555-0100", phone_e164: "+12025550100", score: -1.5, phone_type: "mobile", data: {} },
        ...{ is_email_free: true, enriched_at: "2026-01-31T12:00:00.5+01:00", line_number: 1 },
      },
    ]);
    const columns = ["phone", "phone_e164", "score", "phone_type", "is_email_free", "enriched_at"];
    const { id } = await house.run(tenantId, listId, { columns });
    const row = ["'+1 (202) 555-0100", "+12025550100", "-1.5", "mobile", "true", "2026-01-31T11:00:00.500Z"];
    expect(await csv(id)).toEqual([columns, row]);
  });

  it("has the usual columns and everything imported when none are named", async () => {
    const { id, columns } = await house.run(tenantId, listId);
    expect(columns).toEqual(expect.arrayContaining(["full_name", "email", "phone_e164", "postal_code", "data.Note"]));
    expect((await csv(id))[0]).toEqual(columns);
  });

  it("comes compressed when asked, under a name made of the list and the day", async () => {
    const { id } = await house.run(tenantId, listId, { columns: ["line_number"], isGzip: true });
    expect(gunzipSync(await house.content(id)).toString()).toMatch(/^line_number\n2\n3\n/);
    expect(await house.file(id)).toMatchObject({
      file_name: expect.stringMatching(/^Members \d{4}-\d\d-\d\d\.csv\.gz$/),
      content_type: "application/gzip",
    });
  });

  it("of an empty list has a header and nothing else", async () => {
    const empty = await createTenant(house.database);
    const { id } = await house.run(empty.tenantId, empty.listId, { columns: ["email"] });
    expect((await house.content(id)).toString()).toBe("email\n");
  });
});

describe("a JSONL export", () => {
  it("gives every value back as it is, whatever it holds", async () => {
    const { id } = await house.run(tenantId, listId, {
      format: "jsonl",
      columns: ["full_name", "data", "tag", "line_number"],
    });
    const expected = texts.map((text, i) => {
      return { full_name: text, data: { Note: text, "=evil": "x" }, tag: null, line_number: i + 2 };
    });
    expect(await jsonl(id)).toEqual(expected);
  });

  it("has as many columns as are asked for", async () => {
    const headers = Array.from({ length: 300 }, (_, i) => `a very long header that says a lot about its column, ${i}`);
    const other = await createTenant(house.database);
    const data = Object.fromEntries(headers.map((header, i) => [header, i]));
    await insertEntries(house.database, other.tenantId, other.listId, [{ data }]);
    const columns = headers.map((header) => `data.${header}`);
    const json = await house.run(other.tenantId, other.listId, { format: "jsonl", columns });
    expect(await jsonl(json.id)).toEqual([Object.fromEntries(columns.map((column, i) => [column, i]))]);
    const table = await house.run(other.tenantId, other.listId, { columns });
    expect((await csv(table.id))[0]).toEqual(columns);
  });
});

describe("an export", () => {
  it("holds the living entries of its own list that satisfy its filter, in their order, and nobody else's", async () => {
    const mine = await createTenant(house.database);
    const theirs = await createTenant(house.database);
    const entry = (full_name: string, more = {}) => ({
      full_name,
      email: "a@example.com",
      deleted_at: null,
      data: {},
      ...more,
    });
    for (const [who, name] of [
      [mine, "mine"],
      [theirs, "theirs"],
    ] as const) {
      const deleted = entry(`${name} deleted`, { deleted_at: "2026-01-01T00:00:00Z" });
      await insertEntries(house.database, who.tenantId, who.listId, [entry(`${name} 1`), deleted, entry(`${name} 2`)]);
    }
    const filter = { or: [{ email: { equalTo: "a@example.com" } }, { listId: { equalTo: theirs.listId } }] };
    const { id } = await house.run(mine.tenantId, mine.listId, { filter, columns: ["full_name"] });
    expect(await csv(id)).toEqual([["full_name"], ["mine 1"], ["mine 2"]]);
    expect((await house.file(id)).storage_key).toMatch(new RegExp(`^${mine.tenantId}/`));
    await expect(house.start(mine.tenantId, theirs.listId)).rejects.toMatchObject({ code: "RH002" });
  });

  it("tags exactly the entries it holds, and shows them as they were before", async () => {
    const other = await createTenant(house.database);
    const entries = ["a", "b", "c"].map((full_name) => ({
      full_name,
      tag: full_name === "b" ? "old" : null,
      data: {},
    }));
    await insertEntries(house.database, other.tenantId, other.listId, entries);
    const request = { filter: { tag: { isNull: true } }, columns: ["full_name", "tag"], tag: "exported" };
    const first = await house.run(other.tenantId, other.listId, request);
    expect(await csv(first.id)).toEqual([
      ["full_name", "tag"],
      ["a", ""],
      ["c", ""],
    ]);
    const again = await house.run(other.tenantId, other.listId, request);
    expect(again).toMatchObject({ status: "succeeded", row_count: "0" });
    const { rows } = await house.database.admin.query(
      "select tag from lists.list_entries where list_id = $1 order by full_name",
      [other.listId],
    );
    expect(rows.map((row) => row.tag)).toEqual(["exported", "old", "exported"]);
  });

  it("fails for good, with the path, when its filter cannot be read, and leaves no file", async () => {
    const failed = await house.run(tenantId, listId, { filter: { emial: { equalTo: "a" } } });
    expect(failed).toMatchObject({ status: "failed", error_code: "VALIDATION_FAILED" });
    expect(failed.error_message).toMatch(/^filter\.emial is no field; did you mean email\?/);
    expect(await house.stored()).not.toContainEqual(expect.stringContaining(failed.id));
  });

  it("counts what it wrote", async () => {
    const { id } = await house.run(tenantId, listId);
    const { byte_count, row_count } = await house.file(id);
    expect(await house.row(id)).toMatchObject({ status: "succeeded", byte_count, row_count, total_count: row_count });
  });

  it("can be started by members only", async () => {
    const start = asTenant(house.database, { tenantId, role: "rowhouse_viewer" }, (client) =>
      client.query("select lists.start_export($1)", [listId]),
    );
    await expect(start).rejects.toMatchObject({ code: "42501" });
  });
});

describe("a request for an export is refused", () => {
  it.each<[string, object, string, RegExp]>([
    [
      "with a column that is none",
      { columns: ["email", "emial"] },
      "RH004",
      /no column emial\. The columns: id, .*phone_e164/,
    ],
    ["with the tenant as a column", { columns: ["tenant_id"] }, "RH004", /no column tenant_id/],
    ["with SQL as a column", { columns: ["email; drop table x"] }, "RH004", /no column/],
    ["with a header that no entry has", { columns: ["data.Nope"] }, "RH004", /no column data\.Nope\. .*: data\.Note\./],
    ["with a column twice", { columns: ["fullName", "full_name"] }, "RH004", /full_name is there twice/],
    ["with too many columns", { columns: Array.from({ length: 501 }, (_, i) => `c${i}`) }, "RH007", /at most 500/],
    ["with a filter that is no object", { filter: [] }, "RH004", /not array/],
    ["with an empty tag", { tag: " " }, "RH004", /tag has 1 to 200/],
  ])("%s, with a message that helps", async (_, request, code, message) => {
    await expect(house.start(tenantId, listId, request)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});
