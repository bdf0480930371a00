import { RowhouseError } from "../../lib/errors.ts";
import { translateDatabaseError } from "../errors/database-error.ts";
import type { Row } from "./write-statements.ts";

/** A row with its place in the input, such as `contacts.3`. */
export interface PlacedRow {
  readonly path: string;
  readonly row: Row;
}

/** What a transaction is spoken to by. */
export interface Queryable {
  query(query: { text: string; values?: unknown[] }): Promise<{ rows: readonly any[] }>;
}

/** The error with the path of its row; what is no fault of the client stays as it is. */
export function atPath(path: string, error: unknown, nameField = (field: string): string => field): unknown {
  const known = error instanceof RowhouseError ? error : translateDatabaseError(error);
  if (!known) return error;
  const field = known.field === undefined ? undefined : nameField(known.field);
  return new RowhouseError(known.code, `${path}: ${known.message}`, {
    field: field === undefined ? path : `${path}.${field}`,
    details: known.details,
    cause: error,
  });
}
