import { describe, expect, test } from "@jest/globals";
import { codes, inChunks, readChunks, readFile, type StagedRow } from "../../support/import-file.ts";

const names = (rows: readonly StagedRow[]) => rows.map((row) => row.full_name);

describe("lines of CSV", () => {
  test.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("are read with %s at their ends, with the line numbers of the file", async (_, end) => {
    const file = await readFile(["name,note", "Ann,1", "", "  ", 'Bob,"two, three"', ",", "Cem,4", ""].join(end));
    expect(file.rows.map((row) => [row.line_number, row.full_name])).toEqual([
      ["2", "Ann"],
      ["5", "Bob"],
      ["7", "Cem"],
    ]);
    expect(file.data[1]).toEqual({ name: "Bob", note: "two, three" });
    expect(file.last.checkpoint.counters).toMatchObject({
      linesRead: 7,
      blankLines: 3,
      rowsAccepted: 3,
      rowsRejected: 0,
    });
    expect(file.last.end?.outcome).toBe("complete");
  });

  test("keep line ends, tabs, quotes and backslashes inside quoted fields", async () => {
    const note = 'a\nb\tc"d"\\N\\.\re';
    const file = await readFile(`name,note\nAnn,"${note.replaceAll('"', '""')}"\nBob,x\n`);
    expect(file.data).toEqual([
      { name: "Ann", note },
      { name: "Bob", note: "x" },
    ]);
    expect(file.rows.map((row) => row.line_number)).toEqual(["2", "4"]);
  });

  test("with too many or too few fields are rejected alone, with number and counts", async () => {
    const file = await readFile("name,note\nAnn\nBob,1\nCem,1,2\nDan,1,,\n");
    expect(names(file.rows)).toEqual(["Bob", "Dan"]);
    expect(file.rejects).toEqual([
      { lineNumber: 2, code: "TOO_FEW_FIELDS", reason: "The line has 1 fields; the header has 2.", raw: "Ann" },
      { lineNumber: 4, code: "TOO_MANY_FIELDS", reason: "The line has 3 fields; the header has 2.", raw: "Cem,1,2" },
    ]);
  });

  test("may be short where the import allows it", async () => {
    const file = await readFile("name,note\nAnn\nBob,1\n", { allowShortRows: true });
    expect(file.data).toEqual([{ name: "Ann" }, { name: "Bob", note: "1" }]);
  });

  test("with an inch mark inside a field are taken as they are", async () => {
    const file = await readFile('name,note\nAnn,5" pipe\nBob,"x"\nCem,say "hi"\n');
    expect(file.data.map((data) => data.note)).toEqual(['5" pipe', "x", 'say "hi"']);
  });

  test("with a quote that is not closed do not swallow the lines after them", async () => {
    const file = await readFile('name,note\nAnn,"open\nBob,1\nCem,"x"\nDan,"y"\n');
    expect(codes(file)).toEqual([[2, "BAD_QUOTE"]]);
    expect(names(file.rows)).toEqual(["Bob", "Cem", "Dan"]);
  });

  test("with a quote that nothing ever closes are given up at the limit of a record", async () => {
    const rest = Array.from({ length: 20_000 }, (_, i) => `name ${i},${"x".repeat(60)}`).join("\n");
    const file = await readFile(`name,note\nAnn,"open\n${rest}\n`);
    expect(codes(file)).toEqual([[2, "UNCLOSED_QUOTE"]]);
    expect(file.rows).toHaveLength(20_000);
  });

  test("of 10 MB are rejected by their number, and the next line is read", async () => {
    const long = Buffer.alloc(10 * 1024 * 1024, "x");
    const content = Buffer.concat([Buffer.from("name,note\nAnn,1\nBob,"), long, Buffer.from("\nCem,2\n")]);
    const file = await readFile(content);
    expect(codes(file)).toEqual([[3, "LINE_TOO_LONG"]]);
    expect(file.rejects[0]!.raw).toBe(`Bob,${"x".repeat(2044)}`);
    expect(names(file.rows)).toEqual(["Ann", "Cem"]);
    expect(file.last.checkpoint).toMatchObject({ lineNumber: 4, textBytes: content.length });
  });

  test("of 10 MB at the end of the file are rejected too", async () => {
    const file = await readFile(`name\nAnn\n${"x".repeat(10 * 1024 * 1024)}`);
    expect(codes(file)).toEqual([[3, "LINE_TOO_LONG"]]);
    expect(file.last.checkpoint.counters).toMatchObject({ rowsAccepted: 1, rowsRejected: 1, linesRead: 3 });
  });

  test("with NUL bytes are rejected alone, and shown without them", async () => {
    const file = await readFile("name,note\nAnn,1\nB\0b,2\nCem,3\n");
    expect(file.rejects).toEqual([
      { lineNumber: 3, code: "NUL_BYTE", reason: "The line holds a NUL byte.", raw: "B\u2400b,2" },
    ]);
    expect(names(file.rows)).toEqual(["Ann", "Cem"]);
  });

  test("with a cell over 64 kB are rejected with the name of the column", async () => {
    const file = await readFile(`name,note\nAnn,${"x".repeat(65_537)}\nBob,${"x".repeat(65_536)}\n`);
    expect(file.rejects[0]).toMatchObject({ lineNumber: 2, code: "CELL_TOO_LONG" });
    expect(file.rejects[0]!.reason).toContain('"note" has 65537 characters');
    expect(names(file.rows)).toEqual(["Bob"]);
  });

  test("that end the file inside a quote are rejected with the word that the file may have been cut", async () => {
    const file = await readFile('name,note\nAnn,1\nBob,"tw');
    expect(codes(file)).toEqual([[3, "UNCLOSED_QUOTE"]]);
    expect(file.rejects[0]!.reason).toContain("may have been cut");
    expect(file.last.end).toMatchObject({ outcome: "complete", cut: { lineNumber: 3, raw: 'Bob,"tw' } });
    expect(file.last.end!.message).toContain("on line 3");
    expect(names(file.rows)).toEqual(["Ann"]);
  });

  test("that end the file without a line end are rows like the others", async () => {
    const file = await readFile('name,note\nAnn,1\nBob,"2"');
    expect(names(file.rows)).toEqual(["Ann", "Bob"]);
    expect(file.last.end).toMatchObject({ outcome: "complete", cut: null });
  });

  test.each([
    [",", "csv"],
    [";", "csv"],
    ["|", "csv"],
    ["\t", "tsv"],
  ] as const)("are cut at %j by itself", async (delimiter, format) => {
    const file = await readFile(`name${delimiter}note\nAnn${delimiter}"a, b; c | d"\nBob${delimiter}"1,5"\n`);
    expect(file.last.file).toMatchObject({ delimiter, format });
    expect(file.data[1]).toEqual({ name: "Bob", note: "1,5" });
  });

  test("give an empty result for a file without bytes, with blanks only, and with a header only", async () => {
    const outcomes = [];
    for (const content of ["", " \r\n\n", "\ufeff", "name,email", "\nname,email\r\n\r\n"]) {
      const file = await readFile(content);
      outcomes.push([file.batches.length, file.rows.length, file.last.end?.outcome]);
    }
    expect(outcomes.map(([, rows, outcome]) => [rows, outcome])).toEqual([
      [0, "empty"],
      [0, "empty"],
      [0, "empty"],
      [0, "header_only"],
      [0, "header_only"],
    ]);
  });

  test("are handed over before an error of the source, which is then thrown", async () => {
    async function* broken() {
      yield* inChunks(Buffer.from(`name\n${"Ann\n".repeat(50_000)}Bo`));
      throw new Error("aborted");
    }
    let accepted = 0;
    const reading = (async () => {
      const { readImportFile } = await import("../../../lib/import-file/read-import-file.ts");
      for await (const batch of readImportFile(broken())) accepted += batch.rowCount;
    })();
    await expect(reading).rejects.toThrow("aborted");
    expect(accepted).toBe(50_000);
  });

  test("cost the same memory however small the pieces they are sent in", async () => {
    const record = `Ann,"${"x\n".repeat(40_000)}"\n`;
    const file = await readChunks(inChunks(Buffer.from(`name,note\n${record.repeat(4)}`), 7));
    expect(file.rows).toHaveLength(0);
    expect(codes(file).map(([line]) => line)).toEqual([2, 40_003, 80_004, 120_005]);
  });
});
