import { describe, expect, test } from "@jest/globals";
import { ENTRY_COLUMNS, type EntryColumn } from "../../../lib/import-file/entry-columns.ts";
import { readFile } from "../../support/import-file.ts";

const mapping = (pairs: Record<string, string | null>) => pairs as Record<string, EntryColumn | null>;

describe("the header of a file", () => {
  test("is understood by well-known names in any case and punctuation", async () => {
    const headers = [
      "E-Mail",
      "given_name",
      "SURNAME",
      "Tel.",
      "Organisation",
      "Post Code",
      "Address 1",
      "Town",
      "Colour",
    ];
    const file = await readFile(`${headers.join(",")}\na@b.org,Ann,Lee,x,Acme,1,Street 1,Bonn,red\n`);
    expect(file.last.file?.mapping).toEqual({
      email: "E-Mail",
      first_name: "given_name",
      last_name: "SURNAME",
      phone: "Tel.",
      company_name: "Organisation",
      postal_code: "Post Code",
      address_line1: "Address 1",
      city: "Town",
    });
    expect(file.data[0]).toMatchObject({ Colour: "red", "E-Mail": "a@b.org" });
  });

  test("is understood for every typed column by the column's own name", async () => {
    const file = await readFile(`${ENTRY_COLUMNS.join(";")}\n${ENTRY_COLUMNS.map(() => "x").join(";")}\n`);
    expect(Object.keys(file.last.file!.mapping).sort()).toEqual([...ENTRY_COLUMNS].sort());
  });

  test("gives each column a name of its own where it repeats or is missing", async () => {
    const file = await readFile("name,,note,note,,note_2\nAnn,1,2,3,4,5\n");
    expect(file.last.file?.headers).toEqual(["name", "column_2", "note", "note_2", "column_5", "note_2_2"]);
    expect(Object.values(file.data[0]!)).toEqual(["Ann", "1", "2", "3", "4", "5"]);
  });

  test("may hold names that mean something to JavaScript or to the database", async () => {
    const file = await readFile('name,__proto__,constructor,tenant_id,id,"a ""q"" \\ b"\nAnn,1,2,3,4,5\n');
    expect(file.rows[0]!.data).toBe(
      '{"name":"Ann","__proto__":"1","constructor":"2","tenant_id":"3","id":"4","a \\"q\\" \\\\ b":"5"}',
    );
    expect(Object.keys(file.rows[0]!)).not.toContain("tenant_id");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each(["Ann,ann@example.org,Bonn", "Ann Lee,+49 228 1234567", "2024-01-31,Ann", "1,2,x"])(
    "is missed where the first line looks like data: %s",
    async (line) => {
      await expect(readFile(`${line}\n${line}\n`)).rejects.toMatchObject({
        code: "HEADER_MISSING",
        message: expect.stringContaining("hasHeader: false"),
      });
    },
  );

  test("may be absent where the import says so", async () => {
    const file = await readFile("\nAnn,ann@example.org\nBob,bob@example.org\n", {
      hasHeader: false,
      mapping: mapping({ column_1: "full_name", column_2: "email" }),
    });
    expect(file.rows.map((row) => [row.line_number, row.full_name, row.email])).toEqual([
      ["2", "Ann", "ann@example.org"],
      ["3", "Bob", "bob@example.org"],
    ]);
  });

  test("is believed where the mapping names it, however it looks", async () => {
    const file = await readFile("2021,2022\nAnn,x\n", { mapping: mapping({ "2021": "full_name" }) });
    expect(file.rows[0]).toMatchObject({ full_name: "Ann" });
  });

  test("may lie over several lines and have blank ones before it", async () => {
    const file = await readFile('\n\n"full\nname",city\r\nAnn,Bonn\n');
    expect(file.last.file?.headers).toEqual(["full name", "city"]);
    expect(file.rows[0]).toMatchObject({ line_number: "5", full_name: "Ann" });
  });

  test("may have 1,000 columns and no more", async () => {
    const wide = (count: number) =>
      `${Array.from({ length: count }, (_, i) => `field ${i}`).join(",")}\n${",".repeat(count - 1)}x\n`;
    expect((await readFile(wide(1000))).data).toEqual([{ "field 999": "x" }]);
    await expect(readFile(wide(1001))).rejects.toMatchObject({
      code: "TOO_MANY_COLUMNS",
      details: { limit: 1000, count: 1001 },
    });
  });

  test.each([
    ["is too long", `name,${"x".repeat(100_000)}\nAnn,1\n`],
    ["has a quote that is not closed", '"name,note\nAnn,1\n'],
    ["holds NUL", "na\0me,note\nAnn,1\n"],
  ])("is refused where it %s", async (_, content) => {
    await expect(readFile(content)).rejects.toMatchObject({ code: "HEADER_UNREADABLE" });
  });
});

describe("a mapping", () => {
  test("decides alone: what it leaves out or sends to null is in data only", async () => {
    const file = await readFile("email,name,city\na@b.org,Ann,Bonn\n", {
      mapping: mapping({ name: "nickname", city: null }),
    });
    expect(file.rows[0]).toMatchObject({ nickname: "Ann", full_name: null, email: null, city: null });
    expect(file.data[0]).toEqual({ email: "a@b.org", name: "Ann", city: "Bonn" });
  });

  test.each([
    ["an unknown header", { mail: "email" }, /names the column "mail".*The file has the columns: "name", "city"/],
    ["an unknown column", { name: "tenant_id" }, /"tenant_id", which is no column of an entry/],
    ["one column twice", { name: "email", city: "email" }, /both "name" and "city" to email/],
  ])("is refused with the headers that were found: %s", async (_, pairs, message) => {
    await expect(readFile("name,city\nAnn,Bonn\n", { mapping: mapping(pairs) })).rejects.toMatchObject({
      code: "BAD_MAPPING",
      message: expect.stringMatching(message),
      details: { headers: ["name", "city"] },
    });
  });
});
