/** What a field of a list entry holds, as far as filters and exports tell kinds apart. */
export type EntryFieldKind = "text" | "enum" | "boolean" | "float" | "integer" | "time" | "id" | "json";

/** A column of lists.list_entries that clients may name. */
export interface EntryField {
  /** Its name in SQL. */
  readonly column: string;
  readonly kind: EntryFieldKind;
  /** The values of an enum, as the database has them. */
  readonly values?: readonly string[];
  /** The prefix of a TypeID that may stand for its uuid. */
  readonly idPrefix?: string;
}

const field = (kind: EntryFieldKind) => (column: string) => ({ column, kind });
const oneOf = (column: string, ...values: string[]): EntryField => ({ column, kind: "enum", values });
const found = ["unknown", "valid", "invalid"];

const fields: readonly EntryField[] = [
  { column: "id", kind: "id", idPrefix: "entry" },
  { column: "list_id", kind: "id", idPrefix: "list" },
  { column: "list_import_id", kind: "id", idPrefix: "imp" },
  field("integer")("line_number"),
  { column: "contact_id", kind: "id", idPrefix: "contact" },
  { column: "lead_id", kind: "id", idPrefix: "lead" },
  oneOf("status", "active", "archived"),
  oneOf("enrichment_status", "pending", "enriched", "partial", "failed"),
  field("json")("data"),
  field("text")("tag"),
  ...["score", "confidence"].map(field("float")),
  ...["full_name", "honorific", "first_name", "middle_name", "last_name", "name_suffix", "nickname"].map(field("text")),
  oneOf("name_status", ...found),
  ...["company_name", "email", "email_domain"].map(field("text")),
  oneOf("email_status", ...found, "risky"),
  ...["is_email_disposable", "is_email_free", "is_email_role"].map(field("boolean")),
  ...["phone", "phone_e164"].map(field("text")),
  oneOf("phone_status", ...found),
  oneOf(
    "phone_type",
    ...["fixed_line", "mobile", "fixed_line_or_mobile", "toll_free", "premium_rate", "shared_cost"],
    ...["voip", "personal_number", "pager", "uan", "voicemail", "unknown"],
  ),
  ...["phone_country", "phone_location", "phone_time_zone"].map(field("text")),
  ...["address_line1", "address_line2", "city", "state", "county", "postal_code", "country", "time_zone"].map(
    field("text"),
  ),
  oneOf("address_status", ...found, "partial"),
  ...["enriched_at", "created_at", "updated_at"].map(field("time")),
];

const byColumn = new Map(fields.map((each) => [each.column, each]));
const byApiName = new Map(fields.map((each) => [apiName(each.column), each]));
byApiName.set("rowId", byColumn.get("id")!);

/** The field of a column of lists.list_entries, or undefined. */
export function entryFieldOfColumn(column: string): EntryField | undefined {
  return byColumn.get(column);
}

/** The field that the API calls by this name, or undefined. */
export function entryFieldOfApiName(name: string): EntryField | undefined {
  return byApiName.get(name);
}

/** The names of all fields as the API has them. */
export const entryFieldApiNames: readonly string[] = [...byApiName.keys()];

/** The columns of all fields. */
export const entryFieldColumns: readonly string[] = [...byColumn.keys()];

function apiName(column: string): string {
  return column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
