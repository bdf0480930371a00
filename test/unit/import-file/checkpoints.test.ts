import { createHash } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { codes, inChunks, readChunks, readFile } from "../../support/import-file.ts";

const tricky = Buffer.from(
  '\ufeffname,note\r\nAnn,"a ""b"",\r\nc"\r\n\r\nBøb,\u{1f600}\r\nCem,"x"y\r\nDan,1,2\r\nE\0e,1\r\nFay,"é"\r\n"","last"',
);
const small = { limits: { batchBytes: 1 } };

async function* cutAt(bytes: Buffer, at: number): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, at);
  yield bytes.subarray(at);
}

describe("what is read", () => {
  test("does not depend on where the file was cut into chunks", async () => {
    const whole = await readFile(tricky);
    expect(whole.rows.map((row) => row.line_number)).toEqual(["2", "5", "9", "10"]);
    expect(codes(whole)).toEqual([
      [6, "BAD_QUOTE"],
      [7, "TOO_MANY_FIELDS"],
      [8, "NUL_BYTE"],
    ]);
    for (let at = 0; at <= tricky.length; at++) {
      const cut = await readChunks(cutAt(tricky, at));
      expect([cut.rows, cut.rejects, cut.last]).toEqual([whole.rows, whole.rejects, whole.last]);
    }
  });

  test.each([1, 2, 3, 5, 7, 16])("does not depend on batches of %i bytes", async (batchBytes) => {
    const whole = await readFile(tricky);
    const parts = await readFile(tricky, { limits: { batchBytes } });
    expect([parts.rows, parts.rejects, parts.last.checkpoint]).toEqual([
      whole.rows,
      whole.rejects,
      whole.last.checkpoint,
    ]);
    expect(parts.batches.reduce((sum, batch) => sum + batch.rowCount, 0)).toBe(4);
  });
});

describe("a checkpoint", () => {
  test("tells the bytes, their hash, the lines and the counts before it", async () => {
    const text = tricky.subarray(3);
    for (const { checkpoint } of (await readFile(tricky, small)).batches) {
      const before = text.subarray(0, checkpoint.textBytes);
      expect(checkpoint.sha256).toBe(createHash("sha256").update(before).digest("hex"));
      const ended = before.length === text.length ? 1 : 0;
      expect(checkpoint.lineNumber).toBe(before.filter((byte) => byte === 10).length + ended);
      expect(checkpoint.counters.linesRead).toBe(checkpoint.lineNumber);
    }
  });

  test("is a place from which the same file goes on, with nothing twice and nothing left out", async () => {
    const whole = await readFile(tricky, small);
    for (const [i, { checkpoint }] of whole.batches.entries()) {
      const stored = JSON.parse(JSON.stringify(checkpoint)) as typeof checkpoint;
      const rest = await readFile(tricky, { resumeFrom: stored });
      const after = whole.batches.slice(i + 1);
      expect(rest.rejects).toEqual(after.flatMap((batch) => batch.rejects));
      expect(rest.rows).toEqual(
        whole.rows.slice(whole.rows.length - after.reduce((sum, batch) => sum + batch.rowCount, 0)),
      );
      expect(rest.last.checkpoint).toEqual(whole.last.checkpoint);
    }
  });

  test("never lies within a line, however long the line", async () => {
    const content = `name\nAnn\n${"x".repeat(1000)}\nBob\n`;
    const limits = { maxLineBytes: 100, batchBytes: 10 };
    const whole = await readFile(content, { limits });
    expect(codes(whole)).toEqual([[3, "LINE_TOO_LONG"]]);
    for (const { checkpoint } of whole.batches) {
      expect(content[checkpoint.textBytes - 1]).toBe("\n");
      const rest = await readFile(content, { limits, resumeFrom: checkpoint });
      expect(rest.last.checkpoint).toEqual(whole.last.checkpoint);
    }
  });

  test("of UTF-16 counts decoded text, so that it holds for the same list in another encoding", async () => {
    const content = "name,city\nZoë,Köln\nJosé,Ulm\n";
    const wide = await readFile(Buffer.from(content, "utf16le"), small);
    const rest = await readFile(content, { resumeFrom: wide.batches[0]!.checkpoint });
    expect([...wide.batches[0]!.rows, ...rest.batches.flatMap((batch) => [...batch.rows])].length).toBe(
      wide.batches.reduce((sum, batch) => sum + batch.rows.length, 0),
    );
  });

  test.each([
    ["another file", "name,note\nEve,1\nBob,2\nCem,3\n"],
    ["a shorter file", "name,note\n"],
  ])("refuses %s", async (_, other) => {
    const first = await readFile("name,note\nAnn,1\nBob,2\n", small);
    const { checkpoint } = first.batches.find((batch) => batch.rowCount === 1)!;
    await expect(readFile(other, { resumeFrom: checkpoint })).rejects.toMatchObject({ code: "RESUME_MISMATCH" });
  });

  test("after a million bytes that were sent one by one is the same as sent at once", async () => {
    const content = Buffer.from(`name,note\n${'Ann,"x\ny"\n'.repeat(20_000)}`);
    const [one, other] = [await readFile(content), await readChunks(inChunks(content, 11))];
    expect(other.last).toEqual(one.last);
    expect(other.last.checkpoint.counters.rowsAccepted).toBe(20_000);
  });
});
