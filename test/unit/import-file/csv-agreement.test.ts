import { describe, expect, test } from "@jest/globals";
import { parse } from "csv-parse/sync";
import { inChunks, readChunks } from "../../support/import-file.ts";

/** The same sequence in every run (xorshift32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const PARTS = ["a", "é", "😀", " ", '"', '""', ",", ";", "\t", "\n", "\r\n", "\\", "\\N", "\\.", "{", "}", "1"];

function fileOf(random: (below: number) => number): { content: string; delimiter: string } {
  const delimiter = [",", ";", "|", "\t"][random(4)]!;
  const end = random(2) ? "\n" : "\r\n";
  const columns = 2 + random(4);
  const cell = () => Array.from({ length: random(6) }, () => PARTS[random(PARTS.length)]).join("");
  const written = (value: string) =>
    /["\n\r]/.test(value) || value.includes(delimiter) || random(3) === 0 ? `"${value.replaceAll('"', '""')}"` : value;
  const rows = Array.from({ length: 1 + random(30) }, () =>
    Array.from({ length: columns }, (_, i) => written(i === 0 ? `k${cell()}` : cell())).join(delimiter),
  );
  const header = Array.from({ length: columns }, (_, i) => `field ${String.fromCharCode(97 + i)}`).join(delimiter);
  return { content: [header, ...rows].join(end) + (random(2) ? end : ""), delimiter };
}

describe("well-formed CSV", () => {
  test("is read as csv-parse reads it, whatever its cells hold and however it is sent", async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomFrom(seed * 7919);
      const { content, delimiter } = fileOf(random);
      const [header, ...expected] = parse(content, { delimiter, record_delimiter: ["\r\n", "\n"] }) as string[][];
      const file = await readChunks(inChunks(Buffer.from(content), 1 + random(50)), {
        format: "csv",
        delimiter: delimiter as ",",
        limits: { batchBytes: 1 + random(200) },
      });
      expect({ seed, rejects: file.rejects }).toEqual({ seed, rejects: [] });
      const filled = expected.map((cells) =>
        Object.fromEntries(header!.map((name, i) => [name, cells[i]]).filter(([, cell]) => cell !== "")),
      );
      expect({ seed, data: file.data }).toEqual({ seed, data: filled });
    }
  });
});
