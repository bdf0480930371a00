import { globSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { createHash } from "node:crypto";
import { SetupError } from "../../lib/errors.ts";

/** GraphQL text, and where it was found. */
export interface DocumentSource {
  readonly file: string;
  readonly text: string;
  /** The hash that the client will send, where its own tools have made it already; then the text stays as it is. */
  readonly hash?: string;
}

const kinds = "**/*.{graphql,gql,ts,tsx,mts,js,jsx,mjs}";
const skipped = new Set(["node_modules", ".git"]);

/** A template that is marked as GraphQL: gql`…`, graphql(`…`), /* GraphQL *\/ `…`. */
const templates = /(?:\b(?:gql|graphql)\s*(?:\(\s*)?|\/\*\s*GraphQL\s*\*\/\s*)`((?:[^`\\]|\\.)*)`/g;

/** Reads the GraphQL in files and folders: documents, templates in scripts, and manifests that another tool has made. */
export function readDocuments(paths: readonly string[]): DocumentSource[] {
  return paths.flatMap(filesOf).flatMap((file) => {
    const text = readFileSync(file, "utf8");
    if (extname(file) === ".json") return readManifest(file, text);
    if (/\.(graphql|gql)$/.test(file)) return [{ file, text }];
    // What a template inserts are documents of fragments: they are found by their names.
    return [...text.matchAll(templates)].map(([, inside]) => ({ file, text: inside!.replace(/\$\{[^}]*\}/g, "") }));
  });
}

/** The SHA-256 of a document, as its clients send it. */
export function hashDocument(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function filesOf(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new SetupError(`There is no file or folder ${path}.`);
  if (!stat.isDirectory()) return [path];
  const found = globSync(kinds, { cwd: path, exclude: (name) => skipped.has(String(name)) });
  return found.toSorted().map((name) => join(path, name));
}

/** `persisted-documents.json` of graphql-codegen: hash → text; or Apollo's manifest with `operations`. */
function readManifest(file: string, text: string): DocumentSource[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new SetupError(`${file} is not JSON: ${(error as Error).message}`, error);
  }
  const { operations } = json as { operations?: { id: string; body: string }[] };
  const pairs: [string, unknown][] = Array.isArray(operations)
    ? operations.map(({ id, body }) => [id, body])
    : Object.entries(json as Record<string, unknown>);
  return pairs.map(([hash, document]) => {
    if (typeof document !== "string")
      throw new SetupError(`${file} is no manifest: ${hash} is not the text of a document.`);
    if (hashDocument(document) !== hash)
      throw new SetupError(
        `${file}: ${hash} is not the SHA-256 of its document. With graphql-codegen set persistedDocuments: { hashAlgorithm: "sha256" }.`,
      );
    return { file, text: document, hash };
  });
}
