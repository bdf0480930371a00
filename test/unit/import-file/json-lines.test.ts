import { describe, expect, test } from "@jest/globals";
import { codes, readFile } from "../../support/import-file.ts";

const jsonl = (...lines: unknown[]) =>
  lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");

describe("JSON Lines", () => {
  test("are known by their content and keep every type in data", async () => {
    const object = { name: "Ann", age: 41, vip: true, tags: ["a", { b: null }], note: 'tab\tquote"back\\slash\n' };
    const file = await readFile(jsonl(object, "", { name: "Bob", email: "BOB@example.org" }));
    expect(file.last.file).toMatchObject({
      format: "jsonl",
      delimiter: null,
      headers: [...Object.keys(object), "email"],
    });
    expect(file.data[0]).toEqual(object);
    expect(file.rows[1]).toMatchObject({ line_number: "3", full_name: "Bob", email: "bob@example.org" });
    expect(file.last.checkpoint.counters).toMatchObject({ blankLines: 1, rowsAccepted: 2, linesRead: 3 });
  });

  test("keep numbers that a double would round", async () => {
    const file = await readFile('{"name":"Ann","id":12345678901234567890,"price":1.10}\n');
    expect(file.rows[0]!.data).toBe('{"name":"Ann","id":12345678901234567890,"price":1.10}');
  });

  test("take scalars for typed columns, and reject objects and arrays there", async () => {
    const file = await readFile(jsonl({ name: "Ann", zip: 53111 }, { name: ["Bob"] }, { name: null }));
    expect(file.rows[0]).toMatchObject({ full_name: "Ann", postal_code: "53111" });
    expect(codes(file)).toEqual([[2, "WRONG_TYPE"]]);
    expect(file.rejects[0]!.reason).toContain('"name" is an object or array; full_name takes a text');
  });

  test.each([
    ["broken JSON", '{"name":', "INVALID_JSON"],
    ["an array", "[1]", "NOT_AN_OBJECT"],
    ["a text", '"Ann"', "NOT_AN_OBJECT"],
    ["null", "null", "NOT_AN_OBJECT"],
    ["an escaped NUL", '{"name":"A\\u0000"}', "NUL_BYTE"],
    ["an escaped NUL in a key", '{"na\\u0000me":"A"}', "NUL_BYTE"],
    ["half of a surrogate pair", '{"name":{"x":"\\ud83d"}}', "INVALID_TEXT"],
    ["a number without end", '{"name":"A","n":1e999}', "WRONG_TYPE"],
    ["a number too small to keep", '{"name":"A","n":1e-99999}', "WRONG_TYPE"],
    ["a number of 200,000 digits", `{"name":"A","n":0.${"1".repeat(200_000)}}`, "WRONG_TYPE"],
    ["100,000 levels", `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "WRONG_TYPE"],
    ["1,001 keys", Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, i])), "TOO_MANY_FIELDS"],
    ["a text over 64 kB", { name: "Ann", note: "x".repeat(65_537) }, "CELL_TOO_LONG"],
    ["more than 1 MiB", { name: "Ann", notes: Array.from({ length: 20 }, () => "x".repeat(60_000)) }, "LINE_TOO_LONG"],
  ])("are rejected alone where they hold %s", async (_, line, code) => {
    const file = await readFile(`${jsonl({ name: "Ann" }, line as string, { name: "Cem" })}\n`);
    expect(codes(file)).toEqual([[2, code]]);
    expect(file.rows.map((row) => row.full_name)).toEqual(["Ann", "Cem"]);
  });

  test("may name __proto__ and constructor", async () => {
    const file = await readFile('{"name":"Ann","__proto__":{"x":1},"constructor":"y"}\n');
    expect(file.rows[0]!.data).toBe('{"name":"Ann","__proto__":{"x":1},"constructor":"y"}');
  });

  test("may begin with a line longer than the part that is looked at", async () => {
    const long = { name: "Ann", a: "x".repeat(60_000), b: "y".repeat(60_000) };
    const file = await readFile(jsonl(long, { name: "Bob" }));
    expect(file.data).toEqual([long, { name: "Bob" }]);
  });

  test("take numbers that look extreme inside a text", async () => {
    const file = await readFile(jsonl({ name: "1e99999", note: "7".repeat(2000) }));
    expect(file.rejects).toEqual([]);
    expect(file.rows[0]).toMatchObject({ full_name: "1e99999" });
  });

  test("that end the file in the middle are rejected with the word that the file may have been cut", async () => {
    const file = await readFile('{"name":"Ann"}\n{"name":"Bo');
    expect(codes(file)).toEqual([[2, "INVALID_JSON"]]);
    expect(file.last.end).toMatchObject({ outcome: "complete", cut: { lineNumber: 2, code: "INVALID_JSON" } });
  });

  test("are refused under another name of the mapping than the keys that were found", async () => {
    await expect(readFile('{"name":"Ann"}\n', { mapping: { nmae: "full_name" } })).rejects.toMatchObject({
      code: "BAD_MAPPING",
    });
  });
});
