import { describe, expect, test } from "@jest/globals";
import { randomFillSync } from "node:crypto";
import { readFile } from "../../support/import-file.ts";

const after = (beginning: string) =>
  Buffer.concat([Buffer.from(beginning, "latin1"), randomFillSync(Buffer.alloc(5000))]);

describe("a file that is no list", () => {
  test.each<[string, Buffer | string, RegExp]>([
    ["PNG", after("\x89PNG\r\n\x1a\n"), /PNG image/],
    ["JPEG", after("\xff\xd8\xff\xe0"), /JPEG image/],
    ["PDF", after("%PDF-1.7\n"), /PDF document/],
    ["XLSX", after("PK\x03\x04"), /Excel workbook.*save the sheet as CSV/],
    ["XLS", after("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), /old Excel workbook/],
    ["zstd", after("\x28\xb5\x2f\xfd"), /zstd.*gzip/],
    ["HTML", "\ufeff\n<!DOCTYPE html><html><body>Sign in, please</body></html>", /HTML/],
    ["HTML in UTF-16", Buffer.from("\ufeff<html><body>Sign in, please</body></html>", "utf16le"), /HTML/],
    ["XML", '<?xml version="1.0"?><contacts/>', /XML/],
    ["a JSON array", '[{"name":"Ann"},{"name":"Bob"}]', /JSON array.*JSON Lines/],
    ["a JSON document over several lines", '{\n  "name": "Ann",\n  "city": "Bonn"\n}\n', /JSON Lines/],
    ["vCards", "BEGIN:VCARD\nFN:Ann\nEND:VCARD\n", /vCard/],
    ["random bytes", randomFillSync(Buffer.alloc(5000)).fill(7, 0, 8), /binary data/],
  ])("is refused by what it is: %s", async (_, content, message) => {
    await expect(readFile(content)).rejects.toMatchObject({
      name: "ImportFileError",
      code: "NOT_A_LIST",
      message: expect.stringMatching(message),
    });
  });

  test("is refused when its beginning is blank without end", async () => {
    await expect(readFile(`${" \n".repeat(40_000)}name\nAnn\n`)).rejects.toMatchObject({ code: "NOT_A_LIST" });
  });
});
