import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { projectDir } from "../../lib/config.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const page = readFileSync(join(projectDir, "docs/sources.md"), "utf8");

/** Rows of the page's tables: what it is called there, where it is here, and the remark. */
const rows = [...page.matchAll(/^\| (?!there |---)([^|]+?)\s*\| ([^|]+?)\s*\| ([^|]*?)\s*\|$/gm)].map(
  ([, there, here, remark]) => ({ there: there!, here: here!, remark: remark! }),
);

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database?.drop();
});

test("docs/sources.md says of each column where it lives, or from what it is derived", () => {
  expect(rows.length).toBeGreaterThan(300);
  expect(rows.filter(({ here, remark }) => !/`\w+\.\w+\.\w+`/.test(here) && !/^derived: /.test(remark))).toEqual([]);
});

test("docs/sources.md names columns that exist, and no others", async () => {
  const named = [...new Set([...page.matchAll(/`(\w+\.\w+\.\w+)`/g)].map((match) => match[1]!))];
  const { rows: existing } = await database.admin.query<{ name: string }>(
    `select format('%s.%s.%s', c.relnamespace::regnamespace, c.relname, a.attname) as name
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p', 'v') and c.relnamespace::regnamespace::text = any (ddl.own_schemas())
     union all
     -- A computed column is a function of the row.
     select format('%s.%s.%s', c.relnamespace::regnamespace, c.relname, substr(p.proname, length(c.relname) + 2))
     from pg_proc p join pg_class c on c.reltype = p.proargtypes[0] and p.proname like c.relname || '\\_%'
     where p.pronargs = 1`,
  );
  const names = new Set(existing.map(({ name }) => name));
  expect(named.length).toBeGreaterThan(250);
  expect(named.filter((name) => !names.has(name))).toEqual([]);
});
