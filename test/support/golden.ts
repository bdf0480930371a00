import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "@jest/globals";
import { projectDir } from "../../lib/config.ts";

/** Expects a file of the project to hold exactly this text; under npm run accept it writes the file instead. */
export function expectGolden(path: string, text: string): void {
  const file = join(projectDir, path);
  if (process.env.ROWHOUSE_ACCEPT === "1") writeFileSync(file, text);
  const message = `${path} is out of date; npm run accept rewrites it`;
  expect({ [message]: existsSync(file) ? readFileSync(file, "utf8") : "" }).toEqual({ [message]: text });
}
