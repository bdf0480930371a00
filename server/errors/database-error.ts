import { DatabaseError } from "pg";
import { errorCodeOfSqlstate, RowhouseError, type ErrorCode } from "../../lib/errors.ts";

/** What a class of refusals of the database means to a client. */
type Translation = (error: DatabaseError) => readonly [ErrorCode, string, field?: string];

const unreadable: Translation = (error) => {
  const field = fieldOf(error);
  const value = /: (".*")$/s.exec(error.message)?.[1] ?? /value (".*") is out of range/s.exec(error.message)?.[1];
  return ["VALIDATION_FAILED", `${value ?? field ?? "A value"} does not have the form that is needed here.`, field];
};

const translations: Readonly<Record<string, Translation>> = {
  // unique_violation
  "23505": (error) => {
    const field = fieldOf(error);
    return [
      "CONFLICT",
      `There is one already with the same ${field ?? "key"}. Choose another ${field ?? "value"}.`,
      field,
    ];
  },
  // foreign_key_violation
  "23503": (error) => {
    const field = fieldOf(error);
    if (error.message.startsWith("update or delete")) {
      return ["CONFLICT", "Other rows still refer to it. Delete or change them first.", undefined];
    }
    return ["VALIDATION_FAILED", `${field ?? "A reference"} refers to something that is not there.`, field];
  },
  // check_violation: of a column's rule, or of a domain, such as a closed list
  "23514": (error) => {
    const field = fieldOf(error);
    return ["VALIDATION_FAILED", `${field ?? "A value"} is not allowed; see its description in the schema.`, field];
  },
  // not_null_violation
  "23502": (error) => {
    const field = camelCase(error.column);
    return ["VALIDATION_FAILED", `${field ?? "A value"} must not be null.`, field];
  },
  // character_not_in_repertoire and untranslatable_character: PostgreSQL keeps no NUL in text
  "22021": () => ["VALIDATION_FAILED", "A text holds a NUL character (\\u0000), which cannot be stored. Remove it."],
  "22P05": () => ["VALIDATION_FAILED", "A text holds a NUL character (\\u0000), which cannot be stored. Remove it."],
  // cardinality_violation of ON CONFLICT
  "21000": () => ["VALIDATION_FAILED", "Two rows of the input have the same key. Send each key once."],
  // insufficient_privilege
  "42501": () => ["FORBIDDEN", "The role of your token may not do this."],
  // query_canceled
  "57014": () => [
    "TIMEOUT",
    "This took longer than a request may take, and was stopped. Ask for less at a time, or filter by an indexed field.",
  ],
  // lock_not_available, serialization_failure, deadlock_detected
  "55P03": () => ["CONFLICT", "Somebody else is changing the same rows. Try again."],
  "40001": () => ["CONFLICT", "Somebody else changed the same rows at the same time. Try again."],
  "40P01": () => ["CONFLICT", "Somebody else changed the same rows at the same time. Try again."],
  // invalid_text_representation, datetime_field_overflow, invalid_datetime_format, numeric_value_out_of_range,
  // string_data_right_truncation, invalid_json_text
  "22P02": unreadable,
  "22007": unreadable,
  "22008": unreadable,
  "22003": unreadable,
  "22001": unreadable,
  "22032": unreadable,
};

/**
 * What a refusal of the database means to a client, in words that tell nothing of other tenants or of the database's
 * inside; undefined when it is no fault of the client.
 */
export function translateDatabaseError(error: unknown): RowhouseError | undefined {
  if (!(error instanceof DatabaseError)) return undefined;
  const ours = errorCodeOfSqlstate(error.code);
  if (ours) {
    return new RowhouseError(ours, error.message, {
      field: error.column || undefined,
      details: detailsOf(error.detail),
      cause: error,
    });
  }
  const translation = translations[error.code ?? ""]?.(error);
  if (!translation) return undefined;
  const [code, message, field] = translation;
  return new RowhouseError(code, message, { field, cause: error });
}

/** The field that a constraint named by our rule, `<table>_<columns>_<kind>`, is about. */
function fieldOf({ table, constraint, column }: DatabaseError): string | undefined {
  if (column) return camelCase(column);
  const match = /^(.+)_(?:key|fkey|check|idx)$/.exec(constraint ?? "");
  const name = match?.[1];
  return name === undefined
    ? undefined
    : camelCase(table && name.startsWith(`${table}_`) ? name.slice(table.length + 1) : name);
}

function camelCase(name: string | undefined): string | undefined {
  return name?.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** The detail slot of our own errors carries figures as JSON. */
function detailsOf(detail: string | undefined): Record<string, unknown> | undefined {
  try {
    const details: unknown = JSON.parse(detail ?? "");
    return typeof details === "object" && details !== null ? (details as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
