import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { projectDir } from "../../../lib/config.ts";

const page = readFileSync(join(projectDir, "docs/security.md"), "utf8");
const named = [...page.matchAll(/\]\(\.\.\/([^)]+)\): "([^"]+)"/g)].map((match) => [match[1]!, match[2]!] as const);

test("docs/security.md names a test or lint for every attack", () => {
  const attacks = [...page.matchAll(/^\| (?!attack|---).*$/gm)].map(([line]) => line);
  expect(attacks.length).toBeGreaterThan(35);
  expect(attacks.filter((line) => !/\]\(\.\.\/(test|db\/lint)\//.test(line))).toEqual([]);
});

test.each(named)("%s has what docs/security.md says it shows: %s", (file, sentence) => {
  expect(readFileSync(join(projectDir, file), "utf8")).toContain(sentence);
});
