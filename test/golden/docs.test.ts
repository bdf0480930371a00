import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { readCatalogue } from "../../docs/render/catalogue.ts";
import { renderConfiguration } from "../../docs/render/configuration.ts";
import { renderErrors } from "../../docs/render/errors.ts";
import { renderRoles } from "../../docs/render/roles.ts";
import { renderTables } from "../../docs/render/tables.ts";
import { projectDir } from "../../lib/config.ts";
import { errorKinds } from "../../lib/errors.ts";
import { REJECT_CODES } from "../../lib/import-file/import-batch.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { expectGolden, expectGoldenFolder } from "../support/golden.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database?.drop();
});

const page = (name: string) => readFileSync(join(projectDir, "docs", name), "utf8");

test("docs/generated/errors.md has every error code", () => {
  expectGolden("docs/generated/errors.md", renderErrors());
});

test("docs/generated/configuration.md has every setting", () => {
  expectGolden("docs/generated/configuration.md", renderConfiguration());
});

test("docs/generated/tables has a page for each schema: its diagram, and every table as the catalogue has it", async () => {
  const catalogue = await readCatalogue(database.admin);
  expect(catalogue.tables.length).toBeGreaterThan(80);
  const pages = renderTables(catalogue);
  expectGoldenFolder(
    "docs/generated/tables",
    pages.map(({ path }) => path.replace("tables/", "")),
  );
  for (const { path, text } of pages) expectGolden(`docs/generated/${path}`, text);
});

test("docs/generated/roles.md has what each role may do with each table", async () => {
  expectGolden("docs/generated/roles.md", renderRoles(await readCatalogue(database.admin)));
});

test("docs/import.md explains every reason why a line is rejected, and no other", () => {
  const section = page("import.md").split("## Lines that are rejected")[1]?.split("\n## ")[0] ?? "";
  const explained = [...section.matchAll(/^\| `([A-Z_]+)`/gm)].map((match) => match[1]!);
  expect(explained.toSorted()).toEqual([...REJECT_CODES].toSorted());
});

test("docs/files.md speaks of no error code that does not exist", () => {
  const named = [...page("files.md").matchAll(/^\| [^|]*\| `([A-Z_]+)`/gm)].map((match) => match[1]!);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !(name in errorKinds))).toEqual([]);
});
