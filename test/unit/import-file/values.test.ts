import { describe, expect, test } from "@jest/globals";
import { ENTRY_COLUMN_LENGTHS, ENTRY_COLUMNS } from "../../../lib/import-file/entry-columns.ts";
import { codes, readFile } from "../../support/import-file.ts";

describe("the typed columns", () => {
  test("take trimmed values, null for blank ones, and leave data as it was written", async () => {
    const file = await readFile("name,city\n  Ann  ,   \n");
    expect(file.rows[0]).toMatchObject({ full_name: "Ann", city: null });
    expect(file.data[0]).toEqual({ name: "  Ann  ", city: "   " });
  });

  test("take the e-mail address in its normal form; what is none stays in data and is counted", async () => {
    const file = await readFile("name,email\nAnn, Ann@Example.ORG \nBob,bob at home\nCem,\n");
    expect(file.rows.map((row) => row.email)).toEqual(["ann@example.org", null, null]);
    expect(file.data[1]).toEqual({ name: "Bob", email: "bob at home" });
    expect(file.last.checkpoint.counters).toMatchObject({ rowsAccepted: 3, rowsRejected: 0, invalidEmails: 1 });
  });

  test("take the telephone number as written and in E.164, read in the country of the row or of the import", async () => {
    const file = await readFile(
      "phone,country\n(202) 224-3441,\n020 7946 0958,GB\n020 7946 0958,uk\n030 901820,Deutschland\n123,DE\n",
      { defaultCountry: "DE" },
    );
    expect(file.rows.map((row) => [row.phone, row.phone_e164])).toEqual([
      ["(202) 224-3441", expect.not.stringMatching(/^\+1/)],
      ["020 7946 0958", "+442079460958"],
      ["020 7946 0958", "+442079460958"],
      ["030 901820", "+4930901820"],
      ["123", null],
    ]);
    const american = await readFile("phone\n(202) 224-3441\n");
    expect(american.rows[0]!.phone_e164).toBe("+12022243441");
  });

  test.each(ENTRY_COLUMNS)("reject the line of a value that is too long: %s", async (column) => {
    const limit = ENTRY_COLUMN_LENGTHS[column];
    const file = await readFile(`${column};note\n${"9".repeat(limit)};a\n${"9".repeat(limit + 1)};b\n`);
    expect(codes(file)).toEqual([[3, "VALUE_TOO_LONG"]]);
    expect(file.rejects[0]!.reason).toBe(
      `"${column}" (${column}) has ${limit + 1} characters; at most ${limit} are taken.`,
    );
  });

  test("refuse a default country that is no country code", async () => {
    await expect(readFile("name\nAnn\n", { defaultCountry: "Germany" })).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});
