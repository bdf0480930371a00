import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { parse } from "csv-parse/sync";
import type { EntryFields } from "../../../worker/blocks/block.ts";
import { blocks, prepareBlock } from "../../../worker/blocks/index.ts";

const prepared = Object.keys(blocks).map((name) => prepareBlock(name, undefined));

const BAD_VALUES: readonly unknown[] = [
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\udfff\ud800x",
  "\u202e\u200f\ufeff",
  "🦊🦊🦊",
  "é".repeat(10_000),
  "x".repeat(1_000_000),
  "1".repeat(1_000_000),
  "(".repeat(100_000),
  "a@".repeat(100_000),
  "a, ".repeat(50_000),
  "' ".repeat(100),
  '" "',
  "__proto__",
  "constructor",
  "toString",
  "=1+1",
  "<script>",
  "İ",
  "ß",
  "0",
  -0,
  1e308,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  12345678901234567890n,
  true,
  [],
  ["x"],
  {},
  { toString: 5 },
  () => "x",
  Symbol("x"),
  null,
  undefined,
];

function jsonIsStorable(value: unknown): boolean {
  const text = JSON.stringify(value);
  return !text.includes("\\u0000") && !/\\ud[89a-f]/i.test(text);
}

describe("every block", () => {
  test("survives any value in any of its fields and answers with what PostgreSQL can store", () => {
    for (const block of prepared) {
      for (const field of block.reads) {
        for (const value of BAD_VALUES) {
          const result = block.run({ [field]: value } as EntryFields);
          expect(["found", "unchanged", "not_found", "invalid", "skipped"]).toContain(result.status);
          expect(jsonIsStorable(result)).toBe(true);
          expect(JSON.stringify(result).length).toBeLessThan(5_000);
        }
      }
    }
  });

  test("survives the same bad value in all fields at once", () => {
    for (const block of prepared) {
      for (const value of BAD_VALUES) {
        const entry = Object.fromEntries([...block.reads, "companyName"].map((field) => [field, value])) as EntryFields;
        expect(jsonIsStorable(block.run(entry))).toBe(true);
      }
    }
  });

  test("refuses a configuration that does not fit, by name", () => {
    expect(() => prepareBlock("phone", { defaultCountry: "usa" })).toThrow(/step “phone”.*defaultCountry.*alpha-2/);
    expect(() => prepareBlock("name", { typo: true })).toThrow(/step “name”.*typo/);
    expect(() => prepareBlock("fax", {})).toThrow(
      "There is no block “fax”; the blocks are phone, email, name, address.",
    );
    expect(() => prepareBlock("toString", {})).toThrow(/no block/);
  });
});

describe("the demo list", () => {
  const rows = parse<Record<string, string>>(
    readFileSync(new URL("../../../db/seed/us-legislators-offices.csv", import.meta.url)),
    { columns: true },
  );
  const entries = rows.map((row): EntryFields => ({
    fullName: row["full_name"],
    phone: row["phone"],
    addressLine1: row["address"],
    city: row["city"],
    state: row["state"],
    postalCode: row["zip"],
  }));
  const run = (name: string, entry: EntryFields) => prepareBlock(name, {}).run(entry);

  test("has only valid phone numbers where it has any", () => {
    const statuses = entries
      .filter((entry) => entry.phone !== "")
      .map((entry) => run("phone", entry).fields.phoneStatus);
    expect(statuses.length).toBe(1816);
    expect(new Set(statuses)).toEqual(new Set(["valid"]));
  });

  test("has ZIP codes that agree with their states", () => {
    const contradictions = entries
      .map((entry) => run("address", entry))
      .filter((result) => result.status === "invalid");
    expect(contradictions).toEqual([]);
  });

  test("has names that are split as the file splits them, in 97 of 100 rows that speak of the same name", () => {
    let same = 0;
    let total = 0;
    for (const [index, row] of rows.entries()) {
      if (!row["full_name"]?.startsWith(`${row["first_name"] ?? ""} `)) continue;
      const { firstName, lastName } = run("name", entries[index] ?? {}).fields;
      total += 1;
      if (firstName === row["first_name"] && lastName === row["last_name"]) same += 1;
    }
    expect(total).toBeGreaterThan(1_500);
    expect(same / total).toBeGreaterThan(0.97);
  });

  test("gets every field only from its own block, with an origin", () => {
    for (const block of prepared) {
      for (const entry of entries) {
        const { fields, provenance } = block.run(entry);
        expect(block.writes).toEqual(expect.arrayContaining(Object.keys(fields)));
        expect(Object.keys(provenance)).toEqual(Object.keys(fields));
      }
    }
  });
});
