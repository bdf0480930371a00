import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import { readBook } from "../../db/book.ts";
import { createEmptyTestDatabase, createTestDatabase, type TestDatabase } from "../support/database.ts";

const fingerprint = readFileSync(new URL("../../db/fingerprint.sql", import.meta.url), "utf8");

let fromLedger: TestDatabase;
let fromBook: TestDatabase;

beforeAll(async () => {
  fromLedger = await createTestDatabase();
  fromBook = await createEmptyTestDatabase();
  await withClient(fromBook, applyBook);
});

afterAll(async () => {
  await fromLedger?.drop();
  await fromBook?.drop();
});

test("the ledger leads to what the book says, object by object", async () => {
  const [ledger, book] = [await lines(fromLedger), await lines(fromBook)];
  expect({
    "in the book, not in the ledger (commit a migration)": book.filter((line) => !ledger.includes(line)),
    "in the ledger, not in the book (add it to db/schema)": ledger.filter((line) => !book.includes(line)),
  }).toEqual({
    "in the book, not in the ledger (commit a migration)": [],
    "in the ledger, not in the book (add it to db/schema)": [],
  });
  expect(book.length).toBeGreaterThan(300);
});

test("the book can be run again on a database that has it, and changes nothing", async () => {
  const before = await lines(fromBook);
  await withClient(fromBook, applyBook);
  expect(await lines(fromBook)).toEqual(before);
});

async function applyBook(client: pg.Client): Promise<void> {
  await client.query(`begin; set local role rowhouse_owner; ${readBook()}; commit;`);
}

async function lines(database: TestDatabase): Promise<string[]> {
  return withClient(database, async (client) =>
    (await client.query<{ line: string }>(fingerprint)).rows.map((row) => row.line),
  );
}

async function withClient<T>(database: TestDatabase, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: database.adminUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
