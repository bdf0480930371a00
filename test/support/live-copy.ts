import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { projectDir } from "../../lib/config.ts";

/** A client's copy of what a live query shows. */
export interface LiveCopy {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  data: any;
  revision?: number;
  errors?: readonly unknown[] | undefined;
}

const text = readFileSync(join(projectDir, "docs/live-queries.md"), "utf8");
const [, code] = /```ts\n(\/\/ live-copy\.ts\n[^]*?)```/.exec(text)!;
const module = await import(`data:text/javascript,${encodeURIComponent(stripTypeScriptTypes(code!))}`);

/** The function that docs/live-queries.md gives to clients, as it stands there. */
export const applyAnswer = module.applyAnswer as (copy: LiveCopy, answer: object) => void;
