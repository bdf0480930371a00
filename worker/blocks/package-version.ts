import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Origin } from "./block.ts";

const require = createRequire(import.meta.url);

/** The folder of an installed package, found from the file that it resolves to. */
export function packageFolder(name: string, entryPoint = name): string {
  let folder = dirname(require.resolve(entryPoint));
  for (;;) {
    const manifest = readManifest(folder);
    if (manifest?.name === name) return folder;
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`The package ${name} has no package.json above ${entryPoint}: run npm ci.`);
    folder = parent;
  }
}

/** The origin of values taken from a package in the version that is installed. */
export function packageOrigin(name: string, entryPoint = name): Origin {
  return { source: name, version: readManifest(packageFolder(name, entryPoint))?.version ?? "unknown" };
}

/** The origin of values that follow from a rule of Rowhouse itself. */
export function ownOrigin(confidence?: number): Origin {
  const origin = { source: "rowhouse", version: "1" };
  return confidence === undefined ? origin : { ...origin, confidence };
}

function readManifest(folder: string): { name?: string; version?: string } | null {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name?: string; version?: string };
  } catch {
    return null;
  }
}
