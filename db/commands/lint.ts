import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClientBase } from "pg";
import { connectAdmin } from "../../lib/admin-connection.ts";
import { projectDir } from "../../lib/config.ts";
import type { Command } from "./command.ts";

/** One violation that a rule of db/lint found. */
export interface LintProblem {
  /** The rule's file name without its ending. */
  readonly rule: string;
  readonly object: string;
  readonly problem: string;
}

/** Prints every violation of the rules in db/lint; exit code 1 when there is one. */
export const lint: Command = {
  sentence: "checks every object against the rules of db/lint (exit code 1 when one is broken)",
  run: async ({ database, print }) => {
    const client = await connectAdmin(database.urls.admin);
    try {
      const problems = await findLintProblems(client);
      for (const { rule, object, problem } of problems) print(`${rule}: ${object}: ${problem}`);
      print(problems.length === 0 ? "Every rule holds." : `${problems.length} violations.`);
      return problems.length === 0 ? 0 : 1;
    } finally {
      await client.end();
    }
  },
};

/** Runs every rule: a query whose rows, with columns `object` and `problem`, are violations. */
export async function findLintProblems(client: ClientBase): Promise<LintProblem[]> {
  const folder = join(projectDir, "db/lint");
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort();
  const found: LintProblem[] = [];
  for (const file of files) {
    const { rows } = await client.query<{ object: string; problem: string }>(
      await readFile(join(folder, file), "utf8"),
    );
    found.push(...rows.map(({ object, problem }) => ({ rule: file.replace(/\.sql$/, ""), object, problem })));
  }
  return found;
}
