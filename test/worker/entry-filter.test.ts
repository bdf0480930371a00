import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { entryFieldApiNames, entryFieldColumns } from "../../lib/entry-fields.ts";
import { compileEntryFilter } from "../../lib/entry-filter.ts";
import { RowhouseError } from "../../lib/errors.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, insertEntries } from "../support/jobs.ts";

let database: TestDatabase;
let tenantId: string;
let listId: string;

const people = [
  {
    full_name: "Ada",
    email: "ada@example.com",
    email_status: "valid",
    score: 9.5,
    is_email_free: true,
    line_number: 2,
  },
  { full_name: "Bo%b", email: "bob@x.test", email_status: "risky", score: 3, is_email_free: false, line_number: 3 },
  { full_name: "c_d\\e'f", email: null, email_status: "unknown", score: null, is_email_free: null, line_number: 4 },
  { full_name: "Zoë", email: "zoe@example.com", email_status: "valid", score: 3, is_email_free: true, line_number: 5 },
];

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, listId } = await createTenant(database));
  const entries = people.map((each) => ({ ...each, data: { Region: each.full_name[0], [each.full_name]: 1 } }));
  await insertEntries(database, tenantId, listId, entries);
});
afterAll(() => database.drop());

/** Names of the entries that a filter finds. */
async function found(filter: unknown): Promise<string[]> {
  return asTenant(database, { tenantId }, async (client) => {
    const { rows } = await client.query<{ full_name: string }>(
      `select full_name from lists.list_entries e where ${compileEntryFilter(filter, "e")} order by line_number`,
    );
    return rows.map((row) => row.full_name);
  });
}

const [ada, bob, odd, zoe] = people.map((person) => person.full_name) as [string, string, string, string];

describe("a filter", () => {
  it.each<[string, unknown, string[]]>([
    ["nothing", {}, [ada, bob, odd, zoe]],
    ["equality", { email: { equalTo: "ada@example.com" } }, [ada]],
    ["inequality, which leaves empty fields out", { email: { notEqualTo: "ada@example.com" } }, [bob, zoe]],
    ["distinctness, which does not", { email: { distinctFrom: "ada@example.com" } }, [bob, odd, zoe]],
    ["a list", { fullName: { in: [ada, zoe, "nobody"] } }, [ada, zoe]],
    ["an empty list", { fullName: { in: [] } }, []],
    ["exclusion from a list", { fullName: { notIn: [ada, zoe] } }, [bob, odd]],
    ["emptiness", { email: { isNull: true } }, [odd]],
    ["presence", { email: { isNull: false } }, [ada, bob, zoe]],
    ["order", { score: { greaterThan: 3 } }, [ada]],
    ["a range", { score: { greaterThanOrEqualTo: 3, lessThan: 9 } }, [bob, zoe]],
    ["an enum in capitals", { emailStatus: { in: ["VALID", "RISKY"] } }, [ada, bob, zoe]],
    ["a boolean", { isEmailFree: { equalTo: true } }, [ada, zoe]],
    ["a whole number as text", { lineNumber: { equalTo: "4" } }, [odd]],
    ["a time", { createdAt: { lessThan: "2020-01-01T00:00:00+02:00" } }, []],
    ["a day", { createdAt: { greaterThan: "2020-02-29" } }, [ada, bob, odd, zoe]],
    ["a beginning", { email: { startsWith: "z" } }, [zoe]],
    ["an end", { email: { endsWith: "example.com" } }, [ada, zoe]],
    ["a part, with signs that are wildcards elsewhere", { fullName: { includes: "%" } }, [bob]],
    ["an end with signs that are wildcards elsewhere", { fullName: { endsWith: "_d\\e'f" } }, [odd]],
    ["a part whatever its case", { fullName: { includesInsensitive: "OË" } }, [zoe]],
    ["absence of a part", { email: { notIncludes: "example" } }, [bob]],
    ["a pattern", { email: { like: "_d%.com" } }, [ada]],
    ["a list whatever its case", { fullName: { inInsensitive: ["ADA", "zOë"] } }, [ada, zoe]],
    ["and", { and: [{ score: { equalTo: 3 } }, { isEmailFree: { equalTo: true } }] }, [zoe]],
    ["or", { or: [{ fullName: { equalTo: ada } }, { email: { isNull: true } }] }, [ada, odd]],
    ["not", { not: { emailStatus: { equalTo: "VALID" } } }, [bob, odd]],
    ["what was imported", { data: { contains: { Region: "A" } } }, [ada]],
    ["a key of what was imported", { data: { containsKey: odd } }, [odd]],
    ["fields side by side", { score: { equalTo: 3 }, not: { fullName: { startsWith: "Z" } } }, [bob]],
  ])("by %s finds those entries", async (_, filter, names) => {
    expect(await found(filter)).toEqual(names);
  });

  it("takes a uuid or a TypeID for an id", async () => {
    const { rows } = await database.admin.query("select id from lists.list_entries where full_name = $1", [zoe]);
    expect(await found({ rowId: { equalTo: rows[0].id } })).toEqual([zoe]);
    expect(await found({ id: { in: [encodeTypeId("entry", rows[0].id)] } })).toEqual([zoe]);
    expect(await found({ listId: { equalTo: encodeTypeId("list", listId) } })).toHaveLength(4);
  });

  it("knows every column of an entry but its tenant and its deletion", async () => {
    const { rows } = await database.admin.query(
      "select attname from pg_attribute where attrelid = 'lists.list_entries'::regclass and attnum > 0 and not attisdropped",
    );
    const columns = rows
      .map((row) => row.attname)
      .filter((name) => !["tenant_id", "deleted_at", "search_vector"].includes(name));
    expect([...entryFieldColumns].sort()).toEqual(columns.sort());
    for (const name of entryFieldApiNames) expect(await found({ [name]: { isNull: false } })).toBeDefined();
  });

  it("knows every value of every closed list", async () => {
    const { rows } = await database.admin.query<{ column: string; value: string }>(
      `select a.attname as column, m[1] as value from pg_attribute a join pg_constraint k on k.contypid = a.atttypid,
         regexp_matches(pg_get_constraintdef(k.oid), '''([^'']*)''', 'g') m where a.attrelid = 'lists.list_entries'::regclass`,
    );
    expect(rows.length).toBeGreaterThan(20);
    for (const { column, value } of rows) {
      const name = column.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      expect(await found({ [name]: { in: [value.toUpperCase()] } })).toBeDefined();
    }
  });
});

describe("an attack on a filter", () => {
  const texts = [
    "' or true --",
    "\\' or true --",
    "'; drop table lists.list_entries; --",
    "$$ or true $$",
    "\u2019 or true",
    "%",
    "\\",
    "E'\\x27'",
  ];
  const operators = ["equalTo", "includes", "startsWith", "endsWith", "includesInsensitive", "equalToInsensitive"];

  it("by quotes, backslashes and comments finds nothing and breaks nothing", async () => {
    for (const text of texts) {
      for (const operator of operators) {
        const names = await found({ email: { [operator]: text } });
        expect(names).toEqual([]);
      }
      expect(await found({ email: { in: [text] } })).toEqual([]);
      expect(await found({ data: { containsKey: text } })).toEqual([]);
      expect(await found({ data: { contains: { a: text } } })).toEqual([]);
    }
    expect(await found({})).toHaveLength(4);
  });

  it.each<[string, unknown, RegExp]>([
    ["a field that is none", { emial: { equalTo: "a" } }, /^filter\.emial is no field; did you mean email\?/],
    ["SQL for a field", { "email = '' or true --": { equalTo: "a" } }, /is no field/],
    ["the tenant", { tenantId: { equalTo: "a" } }, /^filter\.tenantId is no field/],
    ["an inherited name", JSON.parse('{"__proto__": {"equalTo": "a"}}'), /is no field/],
    ["an inherited name as operator", { email: { constructor: "a" } }, /filter\.email\.constructor is no operator/],
    [
      "an operator that is none",
      { email: { equals: "a" } },
      /filter\.email\.equals is no operator; did you mean equalTo\?/,
    ],
    ["an operator of another kind of field", { score: { includes: "1" } }, /filter\.score\.includes is no operator/],
    ["a number for text", { email: { equalTo: 1 } }, /^filter\.email\.equalTo must be text/],
    ["text for a number", { score: { equalTo: "1 or true" } }, /must be a number, not "1 or true"/],
    ["an object for a number", { score: { equalTo: { toString: 1 } } }, /must be a number/],
    ["an enum value that is none", { emailStatus: { equalTo: "GOOD" } }, /one of UNKNOWN, VALID, INVALID, RISKY/],
    ["a number too large", { lineNumber: { equalTo: "9223372036854775808" } }, /whole number/],
    ["a day that is none", { createdAt: { lessThan: "2026-02-30" } }, /must be a time/],
    ["an offset that is none", { createdAt: { lessThan: "2026-02-20T00:00:00+17:00" } }, /must be a time/],
    [
      "an id of another kind",
      { id: { equalTo: encodeTypeId("list", "01900000-0000-7000-8000-000000000000") } },
      /entry_/,
    ],
    ["null", { email: { equalTo: null } }, /use \{"isNull": true\}/],
    ["no operator", { email: {} }, /names no operator/],
    ["a list for an object", { and: [[]] }, /filter\.and\[0\] must be an object/],
    ["an object for a list", { or: {} }, /filter\.or must be a list/],
    ["no alternatives", { or: [] }, /no alternatives/],
    ["an empty negation", { not: {} }, /filter\.not is empty/],
    ["NUL", { email: { equalTo: "a\0b" } }, /without NUL/],
    ["NUL within JSON", { data: { contains: { a: "\0" } } }, /without NUL/],
    ["half a character within JSON", { data: { contains: { a: "\ud800" } } }, /JSON value/],
    ["a pattern that ends in the air", { email: { like: "a\\" } }, /ends with a backslash/],
    ["text for the whole filter", "true", /^filter must be an object/],
  ])("by %s is refused with its path", (_, filter, message) => {
    expect(() => compileEntryFilter(filter, "e")).toThrow(message);
    expect(() => compileEntryFilter(filter, "e")).toThrow(expect.objectContaining({ code: "VALIDATION_FAILED" }));
  });

  it("by size is refused by naming the limit", () => {
    let deep: unknown = { email: { isNull: true } };
    for (let i = 0; i < 50; i++) deep = { not: deep };
    const wide = { or: Array.from({ length: 1001 }, () => ({ email: { isNull: true } })) };
    const long = { email: { in: Array.from({ length: 10_001 }, () => "a") } };
    for (const filter of [deep, wide, long]) {
      expect(() => compileEntryFilter(filter, "e")).toThrow(RowhouseError);
      expect(() => compileEntryFilter(filter, "e")).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
    }
  });
});
