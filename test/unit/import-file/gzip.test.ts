import { describe, expect, test } from "@jest/globals";
import { gzipSync } from "node:zlib";
import { codes, inChunks, readChunks, readFile } from "../../support/import-file.ts";

const lines = (count: number) =>
  Array.from({ length: count }, (_, i) => `name ${i},${Math.imul(i, 2654435761) >>> 0}\n`);
const content = (count: number) => `name,note\n${lines(count).join("")}`;

describe("a gzip file", () => {
  test("is read whatever it is called, and counts the bytes that were sent", async () => {
    const bytes = gzipSync(content(1000));
    const file = await readFile(bytes, { fileName: "list.csv" });
    expect(file.rows).toHaveLength(1000);
    expect(file.last).toMatchObject({ bytesRead: bytes.length, file: { isGzip: true, format: "csv" } });
    expect(file.last.checkpoint.textBytes).toBe(content(1000).length);
  });

  test("may be of several parts and have padding after it", async () => {
    const parts = [gzipSync("name,note\nAnn,1\n"), gzipSync("Bob,2\n"), Buffer.alloc(512)];
    const file = await readChunks(inChunks(Buffer.concat(parts), 5));
    expect(file.rows.map((row) => row.full_name)).toEqual(["Ann", "Bob"]);
    expect(file.last.end?.outcome).toBe("complete");
  });

  test("that was cut gives every whole line before the cut, and goes on from there", async () => {
    const bytes = gzipSync(content(50_000));
    for (const share of [0.9, 0.5, 0.1]) {
      const cut = await readFile(bytes.subarray(0, bytes.length * share));
      expect(cut.last.end).toMatchObject({ outcome: "truncated", message: expect.stringContaining("Send it again") });
      expect(cut.rows.length).toBeGreaterThan(share * 40_000 - 1000);
      expect(cut.rejects).toEqual([]);
      const rest = await readFile(bytes, { resumeFrom: cut.last.checkpoint });
      expect([...cut.rows, ...rest.rows].map((row) => `${row.full_name},`)).toEqual(
        lines(50_000).map((line) => line.slice(0, line.indexOf(",") + 1)),
      );
    }
  });

  test("that was cut within its first bytes or its header is truncated, not empty", async () => {
    const bytes = gzipSync(content(50_000));
    for (const size of [5, 15, 40]) {
      const file = await readFile(bytes.subarray(0, size));
      expect(file).toMatchObject({ rows: [], last: { end: { outcome: "truncated" }, checkpoint: { textBytes: 0 } } });
    }
  });

  test("that was cut before the checkpoint it should go on from stays where it was", async () => {
    const bytes = gzipSync(content(50_000));
    const cut = await readFile(bytes.subarray(0, bytes.length * 0.9));
    const again = await readFile(bytes.subarray(0, bytes.length * 0.5), { resumeFrom: cut.last.checkpoint });
    expect(again.last.end?.outcome).toBe("truncated");
    expect(again.last.checkpoint).toEqual(cut.last.checkpoint);
  });

  test("that is damaged is refused with the place", async () => {
    const bytes = gzipSync(content(50_000));
    bytes.fill(0xff, 100_000, 100_064);
    await expect(readFile(bytes)).rejects.toMatchObject({
      code: "NOT_A_LIST",
      message: expect.stringContaining("damaged"),
    });
  });

  test("that holds another is refused", async () => {
    await expect(readFile(gzipSync(gzipSync(content(10))))).rejects.toMatchObject({
      code: "NOT_A_LIST",
      message: expect.stringContaining("compressed twice"),
    });
  });

  test("that grows without measure is refused", async () => {
    const bomb = gzipSync(`name\n${"x".repeat(64 * 1024 * 1024)}`);
    await expect(readFile(bomb)).rejects.toMatchObject({ code: "DECOMPRESSION_LIMIT", details: { limit: 200 } });
    await expect(readFile(gzipSync(content(5000)), { limits: { maxDecompressedBytes: 50_000 } })).rejects.toMatchObject(
      {
        code: "DECOMPRESSION_LIMIT",
        details: { limit: 50_000 },
      },
    );
  });

  test("rejects lines like a plain one", async () => {
    expect(codes(await readFile(gzipSync("name,note\nAnn\nBob,1\n")))).toEqual([[2, "TOO_FEW_FIELDS"]]);
  });
});
