import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { projectDir } from "../../../lib/config.ts";

const skipped = new Set(["node_modules", "data", "bench-data", "coverage", ".git"]);
const pages = globSync("**/*.md", { cwd: projectDir, exclude: (name) => skipped.has(String(name)) }).toSorted();

/** The headings of a page as a reader's browser addresses them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("there are pages to look at", () => {
  expect(pages).toEqual(expect.arrayContaining(["README.md", "db/README.md", "docs/import.md"]));
});

test.each(pages)("every link of %s leads to a file of the project, and to a heading that is there", (page) => {
  const text = readFileSync(join(projectDir, page), "utf8").replaceAll(/```.*?```|`[^`\n]*`/gs, "");
  const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1]!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path = "", heading] = link.split("#", 2);
      const target = path === "" ? join(projectDir, page) : join(projectDir, dirname(page), path);
      if (!existsSync(target)) return true;
      return heading !== undefined && !anchorsOf(readFileSync(target, "utf8")).includes(heading);
    });
  expect(broken).toEqual([]);
});
