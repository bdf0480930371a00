import { describe, expect, test } from "@jest/globals";
import iconv from "iconv-lite";
import type { ImportEncoding } from "../../../lib/import-file/import-file-options.ts";
import { codes, inChunks, readChunks, readFile } from "../../support/import-file.ts";

const text = "name,city\nZoë 😀,Łódź\nJosé,Αθήνα\n";
const latin = "name,city\nZoë,Köln\nJosé,Málaga\n";
const greek = "όνομα;πόλη\nΓιώργος;Αθήνα\nΜαρία;Πάτρα\n";
const mark = "\ufeff";

describe("the encoding of a file", () => {
  test.each<[string, Buffer, string]>([
    ["UTF-8", Buffer.from(text), "utf-8"],
    ["UTF-8 with its mark", Buffer.from(mark + text), "utf-8"],
    ["UTF-16 LE with its mark", Buffer.from(mark + text, "utf16le"), "utf-16le"],
    ["UTF-16 BE with its mark", Buffer.from(mark + text, "utf16le").swap16(), "utf-16be"],
    ["UTF-16 LE without a mark", Buffer.from(text, "utf16le"), "utf-16le"],
    ["UTF-16 BE without a mark", Buffer.from(text, "utf16le").swap16(), "utf-16be"],
  ])("is found: %s", async (_, bytes, encoding) => {
    for (const size of [1, 3, 65_536]) {
      const file = await readChunks(inChunks(bytes, size));
      expect(file.last.file?.encoding).toBe(encoding);
      expect(file.data).toEqual([
        { name: "Zoë 😀", city: "Łódź" },
        { name: "José", city: "Αθήνα" },
      ]);
    }
  });

  test.each<ImportEncoding>(["windows-1250", "windows-1252", "iso-8859-1", "iso-8859-15", "macintosh"])(
    "is taken as named: %s",
    async (encoding) => {
      const content = encoding === "windows-1250" ? latin.replaceAll("á", "ä") : latin;
      const file = await readFile(iconv.encode(content, encoding), { encoding });
      expect(file.rows.map((row) => row.city)).toEqual(
        ["Köln", content.includes("Málaga") ? "Málaga" : "Mälaga"].map((city) => city),
      );
      expect(file.last.checkpoint.textBytes).toBe(Buffer.byteLength(content));
    },
  );

  test("is refused with line, byte and remedy when the beginning is not UTF-8", async () => {
    const bytes = iconv.encode(latin, "windows-1252");
    await expect(readFile(bytes)).rejects.toMatchObject({
      code: "WRONG_ENCODING",
      details: { lineNumber: 2, byte: 13 },
      message: expect.stringContaining("windows-1252"),
    });
    await expect(readFile(bytes, { encoding: "utf-8" })).rejects.toMatchObject({ code: "WRONG_ENCODING" });
  });

  test("is refused when the last byte alone is wrong", async () => {
    await expect(readFile(iconv.encode("name\nJosé", "latin1"))).rejects.toMatchObject({ code: "WRONG_ENCODING" });
  });

  test("is refused when it contradicts the mark of the file", async () => {
    await expect(readFile(Buffer.from(mark + text, "utf16le"), { encoding: "utf-8" })).rejects.toMatchObject({
      code: "WRONG_ENCODING",
      message: expect.stringContaining("utf-16le"),
    });
  });

  test("is refused when it is none we know", async () => {
    await expect(readFile(text, { encoding: "klingon" as ImportEncoding })).rejects.toMatchObject({
      code: "BAD_OPTION",
    });
  });

  test("rejects single lines that are not text of it further on", async () => {
    const many = "Ann,Bonn\n".repeat(20_000);
    const bytes = Buffer.concat([
      Buffer.from(`name,city\n${many}`),
      iconv.encode("José,Köln\n", "latin1"),
      Buffer.from("Bob,Ulm\n"),
    ]);
    const file = await readFile(bytes);
    expect(codes(file)).toEqual([[20_002, "INVALID_TEXT"]]);
    expect(file.rows).toHaveLength(20_001);
  });

  test("accepts a character that lies across the end of the part that is looked at", async () => {
    for (const shift of [0, 1, 2, 3]) {
      const file = await readFile(`name\n${"x".repeat(shift)}${"😀\n".repeat(40_000)}`);
      expect(file.rejects).toEqual([]);
      expect(file.rows).toHaveLength(40_000);
    }
  });

  test("is found without a mark where the script is not Latin", async () => {
    for (const bytes of [Buffer.from(greek, "utf16le"), Buffer.from(greek, "utf16le").swap16()]) {
      const file = await readFile(bytes, { mapping: { πόλη: "city" } });
      expect(file.rows.map((row) => row.city)).toEqual(["Αθήνα", "Πάτρα"]);
    }
  });

  test("is decoded across chunks that end inside a character", async () => {
    const content = `name\n${"x😀é\n".repeat(40_000)}`;
    for (const bytes of [Buffer.from(content, "utf16le"), Buffer.from(content, "utf16le").swap16()]) {
      const file = await readChunks(inChunks(bytes, 1001));
      expect(file.rejects).toEqual([]);
      expect(file.rows.filter((row) => row.full_name === "x😀é")).toHaveLength(40_000);
    }
  });

  test("rejects lines with bytes that the named encoding does not define, and halves of UTF-16 pairs", async () => {
    const western = await readFile(Buffer.from("name\nAnn\nB\x81b\nCem\n", "latin1"), { encoding: "windows-1252" });
    expect(codes(western)).toEqual([[3, "INVALID_TEXT"]]);
    const wide = await readFile(Buffer.from(`${mark}name\nAnn\nB\ud83db\nCem \ufffd\n`, "utf16le"));
    expect(codes(wide)).toEqual([[3, "INVALID_TEXT"]]);
    expect(wide.rows.map((row) => row.full_name)).toEqual(["Ann", "Cem \ufffd"]);
  });
});
