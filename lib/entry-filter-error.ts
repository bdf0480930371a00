import { RowhouseError } from "./errors.ts";

/** The error for a value of a filter that cannot be read; `problem` goes on from the path. */
export function refused(path: string, problem: string): RowhouseError {
  return new RowhouseError("VALIDATION_FAILED", `${path} ${problem}.`, { field: path });
}

/** A value as a message may show it. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? `${json.slice(0, 57)}…` : json;
}
