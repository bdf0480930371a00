import type { RejectCode } from "./import-batch.ts";
import type { ImportFileLimits } from "./import-file-options.ts";

/** Why a row was not taken. */
export interface RowProblem {
  readonly code: RejectCode;
  readonly reason: string;
}

/** An object of a JSON Lines file, or why its line is none. */
export type JsonLine =
  | { readonly object: Readonly<Record<string, unknown>>; readonly problem: null }
  | { readonly object: null; readonly problem: RowProblem };

/** Exponents and digits beyond what PostgreSQL's numeric holds. */
const EXTREME_NUMBER = /[eE][+-]?\d{4}|\d{1000}/;
const STRINGS = /"(?:[^"\\]|\\.)*"/g;

/** Reads a line as one JSON object that jsonb can keep. */
export function readJsonLine(line: string, limits: ImportFileLimits): JsonLine {
  let object: unknown;
  try {
    object = JSON.parse(line);
  } catch {
    return refuse("INVALID_JSON", "The line is not valid JSON.");
  }
  if (object === null || typeof object !== "object" || Array.isArray(object)) {
    return refuse("NOT_AN_OBJECT", "The line is valid JSON, but not an object.");
  }
  const keys = Object.keys(object).length;
  if (keys > limits.maxColumns) {
    return refuse("TOO_MANY_FIELDS", `The object has ${keys} keys; at most ${limits.maxColumns} are taken.`);
  }
  const problem = problemOf(object, limits, 1);
  if (problem) return { object: null, problem };
  if (EXTREME_NUMBER.test(line) && EXTREME_NUMBER.test(line.replaceAll(STRINGS, ""))) return refuse(...EXTREME);
  return { object: object as Record<string, unknown>, problem: null };
}

const EXTREME = ["WRONG_TYPE", "The line holds a number that is too large or too long to keep."] as const;

const refuse = (code: RejectCode, reason: string) => ({ object: null, problem: { code, reason } });

function problemOf(value: unknown, limits: ImportFileLimits, depth: number): RowProblem | null {
  if (typeof value === "string") return textProblem(value, limits);
  if (typeof value === "number") return Number.isFinite(value) ? null : { code: EXTREME[0], reason: EXTREME[1] };
  if (value === null || typeof value !== "object") return null;
  if (depth > limits.maxJsonDepth) {
    return { code: "WRONG_TYPE", reason: `The object nests deeper than ${limits.maxJsonDepth} levels.` };
  }
  const isArray = Array.isArray(value);
  for (const key in value) {
    const problem =
      (isArray ? null : textProblem(key, limits)) ??
      problemOf((value as Record<string, unknown>)[key], limits, depth + 1);
    if (problem) return problem;
  }
  return null;
}

function textProblem(text: string, limits: ImportFileLimits): RowProblem | null {
  if (text.length > limits.maxCellLength) {
    const reason = `A text of the object has ${text.length} characters; at most ${limits.maxCellLength} are taken.`;
    return { code: "CELL_TOO_LONG", reason };
  }
  // PostgreSQL keeps neither; in JSON both can be written as escapes.
  if (text.includes("\0")) return { code: "NUL_BYTE", reason: "A text of the object holds a NUL character." };
  if (text.isWellFormed()) return null;
  return { code: "INVALID_TEXT", reason: "A text of the object holds half of a surrogate pair." };
}
