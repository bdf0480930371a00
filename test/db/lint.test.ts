import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const folder = new URL("../../db/lint/", import.meta.url);
const rules = readdirSync(folder).map((file) => {
  const query = readFileSync(new URL(file, folder), "utf8");
  const violations = [...query.matchAll(/^-- Violated by: (.*)$/gm)].map((match) => match[1]!);
  return { name: file.replace(/\.sql$/, ""), query, violations };
});

let database: TestDatabase;
let admin: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
});

afterAll(async () => {
  await admin?.end();
  await database?.drop();
});

describe.each(rules)("the rule $name", ({ query, violations }) => {
  test("holds for the whole catalogue", async () => {
    expect((await admin.query(query)).rows).toEqual([]);
  });

  test("says which statement would break it", () => {
    expect(violations).not.toEqual([]);
  });

  test.each(violations)("is broken by: %s", async (violation) => {
    await admin.query("begin");
    try {
      await admin.query(violation);
      const { rows } = await admin.query(query);
      expect(rows).not.toEqual([]);
      for (const row of rows) expect(row).toEqual({ object: expect.any(String), problem: expect.any(String) });
    } finally {
      await admin.query("rollback");
    }
  });
});
