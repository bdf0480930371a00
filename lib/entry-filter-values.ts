import { escapeLiteral } from "pg";
import { z } from "zod";
import type { EntryField, EntryFieldKind } from "./entry-fields.ts";
import { refused, shown } from "./entry-filter-error.ts";
import { parseTypeId } from "./type-id.ts";

type Reader = (value: unknown, field: EntryField) => string | undefined;

const uuid = z.guid();
const time = z.iso.datetime({ offset: true });
const date = z.iso.date();
const int64 = 1n << 63n;
const textMax = 10_000;

/** What a value of each kind must be, for messages. */
const wanted: Record<EntryFieldKind, (field: EntryField) => string> = {
  text: () => `text of at most ${textMax} characters without NUL`,
  enum: (field) => `one of ${(field.values ?? []).map((value) => value.toUpperCase()).join(", ")}`,
  boolean: () => "true or false",
  float: () => "a number",
  integer: () => "a whole number",
  time: () => "a time such as 2026-01-31T12:00:00Z",
  id: (field) => `an id: a uuid, or one that begins with "${field.idPrefix}_"`,
  json: () => "a JSON value without NUL",
};

/** Each returns the SQL literal of a value of its kind, or undefined for anything else. */
const readers: Record<EntryFieldKind, Reader> = {
  text: (value) =>
    typeof value === "string" && value.length <= textMax && !value.includes("\0") ? escapeLiteral(value) : undefined,
  enum: (value, field) => {
    const found = typeof value === "string" ? field.values?.find((each) => each === value.toLowerCase()) : undefined;
    return found && escapeLiteral(found);
  },
  boolean: (value) => (typeof value === "boolean" ? String(value) : undefined),
  float: (value) => (typeof value === "number" && Number.isFinite(value) ? `'${value}'::float8` : undefined),
  integer: (value) => {
    const text = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
    if (typeof text !== "string" || !/^-?\d{1,19}$/.test(text)) return undefined;
    const number = BigInt(text);
    return number >= -int64 && number < int64 ? `'${number}'::bigint` : undefined;
  },
  time: (value) => {
    if (typeof value !== "string" || value.startsWith("0000") || value.length > 40) return undefined;
    const text = date.safeParse(value).success ? `${value}T00:00:00Z` : value;
    // PostgreSQL takes offsets below 16 hours.
    if (/[+-](1[6-9]|2\d):?\d\d$/.test(text)) return undefined;
    return time.safeParse(text).success ? `${escapeLiteral(text)}::timestamptz` : undefined;
  },
  id: (value, field) => {
    if (typeof value !== "string") return undefined;
    const parsed = uuid.safeParse(value).success ? { prefix: field.idPrefix, uuid: value } : parseTypeId(value);
    return parsed && parsed.prefix === field.idPrefix ? `${escapeLiteral(parsed.uuid)}::uuid` : undefined;
  },
  json: (value) => {
    const text = JSON.stringify(value);
    // NUL and halves of a surrogate pair, which PostgreSQL does not take, are escapes in JSON.
    return text === undefined || /\\u(0000|d[89a-f])/.test(text) ? undefined : `${escapeLiteral(text)}::jsonb`;
  },
};

/** The SQL literal of a filter's value for a field. Throws VALIDATION_FAILED, naming the path and what is wanted there. */
export function sqlValue(field: EntryField, value: unknown, path: string): string {
  const literal = readers[field.kind](value, field);
  if (literal === undefined) throw refused(path, `must be ${wanted[field.kind](field)}, not ${shown(value)}`);
  return literal;
}
