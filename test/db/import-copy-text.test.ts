import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { PoolClient } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { ENTRY_COLUMNS, STAGING_COLUMNS } from "../../lib/import-file/entry-columns.ts";
import { createEmptyTestDatabase, type TestDatabase } from "../support/database.ts";
import { readFile } from "../support/import-file.ts";

let database: TestDatabase;
let client: PoolClient;

beforeAll(async () => {
  database = await createEmptyTestDatabase();
  client = await database.admin.connect();
  const columns = [
    "line_number bigint",
    "data jsonb",
    ...ENTRY_COLUMNS.map((name) => `${name} text`),
    "phone_e164 text",
  ];
  await client.query(`create temporary table staged (${columns.join(", ")})`);
});

afterAll(async () => {
  client?.release();
  await database?.drop();
});

async function stage(content: string) {
  const file = await readFile(content);
  await client.query("truncate staged");
  const copy = client.query(copyFrom(`copy staged (${STAGING_COLUMNS.join(", ")}) from stdin`));
  await pipeline(Readable.from(file.batches.map((batch) => batch.rows).filter((rows) => rows.length > 0)), copy);
  const { rows } = await client.query<Record<string, unknown>>("select * from staged order by line_number");
  return { file, rows };
}

test("PostgreSQL stores every cell as it stands in the file", async () => {
  const cells = [
    "\\",
    "\\N",
    "\\.",
    "\\t",
    "a\tb",
    "a\nb",
    "a\r\nb",
    'q"q',
    "\u0001\u001f\u007f",
    "é\u2028😀",
    "{}",
    "'",
  ];
  const quoted = cells.map((cell) => `"${cell.replaceAll('"', '""')}"`);
  const { file, rows } = await stage(`name,"he\\a""d\ter"\n${quoted.map((cell) => `${cell},${cell}`).join("\n")}\n`);
  expect(file.rejects).toEqual([]);
  expect(rows.map((row) => row.full_name)).toEqual(cells);
  expect(rows.map((row) => row.data)).toEqual(cells.map((cell) => ({ name: cell, 'he\\a"d er': cell })));
});

test("PostgreSQL takes every JSON line that is not rejected", async () => {
  const deep = `${'{"a":'.repeat(30)}1${"}".repeat(30)}`;
  const lines = [
    '{"name":"\\ud83d\\ude00 \\u00e9 \\\\ \\" \\/ \\t"}',
    `{"n":1e308,"m":-1e-999,"big":${"9".repeat(300)},"small":0.${"1".repeat(999)}}`,
    `{"deep":${deep}}`,
    '{ "name" :\t"x" , "l": [1, null, true, {"": []}], "__proto__": 1, "name":"y" }',
    '{"name":"\\u0000"}',
    '{"name":"\\udc00"}',
  ];
  const { file, rows } = await stage(lines.join("\n"));
  expect(file.rejects.map((reject) => reject.lineNumber)).toEqual([5, 6]);
  expect(rows.map((row) => row.full_name)).toEqual(['😀 é \\ " / \t'.trim(), null, null, "y"]);
  expect(rows[3]!.data).toEqual(JSON.parse(lines[3]!));
});
