import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "@jest/globals";
import { projectDir } from "../../lib/config.ts";

/** Expects a file of the project to hold exactly this text; under npm run accept it writes the file instead. */
export function expectGolden(path: string, text: string): void {
  const file = join(projectDir, path);
  if (isAccepting()) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const message = `${path} is out of date; npm run accept rewrites it`;
  expect({ [message]: existsSync(file) ? readFileSync(file, "utf8") : "" }).toEqual({ [message]: text });
}

/** Expects a folder of golden files to have no other files than these; under npm run accept it removes the others. */
export function expectGoldenFolder(path: string, names: readonly string[]): void {
  const folder = join(projectDir, path);
  const others = existsSync(folder) ? readdirSync(folder).filter((name) => !names.includes(name)) : [];
  if (isAccepting()) for (const name of others) rmSync(join(folder, name));
  else
    expect({ [`files of ${path} that nothing writes any more`]: others }).toEqual({
      [`files of ${path} that nothing writes any more`]: [],
    });
}

function isAccepting(): boolean {
  return process.env.ROWHOUSE_ACCEPT === "1";
}
