/** What happens to a row whose phone or e-mail the list has. */
export type Policy = "skip" | "fill" | "overwrite" | "keep";

/** What became of a row. */
export type Outcome = "inserted" | "filled" | "overwritten" | "skipped";

/** An entry, as far as the model knows of it. */
export interface ModelEntry {
  data: Record<string, unknown>;
  email: string | null;
  phone: string | null;
  phone_e164: string | null;
  city: string | null;
  state: string | null;
}

/** A row of a file. */
export interface ModelRow extends ModelEntry {
  line_number: number;
}

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === "";

/** What an import means: each row, in order, meets the list as the rows before it have left it. */
export function modelImport(list: ModelEntry[], rows: readonly ModelRow[], policy: Policy): Map<number, Outcome> {
  return new Map(rows.map((row) => [row.line_number, importRow(list, row, policy)]));
}

function importRow(list: ModelEntry[], { line_number: _, ...row }: ModelRow, policy: Policy): Outcome {
  const same = (a: string | null, b: string | null) => a !== null && a === b;
  // The list is in order of age, so the first is the oldest.
  const match = list.find((entry) => same(entry.email, row.email) || same(entry.phone_e164, row.phone_e164));
  if (policy === "keep" || !match) {
    list.push(structuredClone(row));
    return "inserted";
  }
  if (policy === "skip") return "skipped";
  const takes = (old: unknown, value: unknown) => !isEmpty(value) && (policy === "overwrite" || isEmpty(old));
  const before = JSON.stringify(match);
  for (const field of ["email", "city", "state"] as const) {
    if (takes(match[field], row[field])) match[field] = row[field];
  }
  if (takes(match.phone ?? match.phone_e164, row.phone)) {
    match.phone = row.phone;
    match.phone_e164 = row.phone_e164;
  }
  for (const [name, value] of Object.entries(row.data)) if (takes(match.data[name], value)) match.data[name] = value;
  if (JSON.stringify(match) === before) return "skipped";
  return policy === "fill" ? "filled" : "overwritten";
}
