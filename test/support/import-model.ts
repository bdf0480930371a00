/** What a row of a file, or an entry, holds of the fields that the model looks at. */
export interface ModelFields {
  email: string | null;
  phone: string | null;
  phone_e164: string | null;
  full_name: string | null;
  city: string | null;
}

/** An entry of the model's list. */
export interface ModelEntry extends ModelFields {
  /** Import and line that brought it. */
  readonly born: string;
}

/** How duplicates are met. */
export type ModelPolicy = "skip" | "fill" | "overwrite" | "keep";

/** The outcome of each line, by its number. */
export type ModelOutcomes = Record<number, "inserted" | "skipped" | "filled" | "overwritten">;

/** Fields that are filled or overwritten together. */
const UNITS: readonly (readonly (keyof ModelFields)[])[] = [
  ["email"],
  ["phone", "phone_e164"],
  ["full_name"],
  ["city"],
];

/**
 * Imports the rows one at a time, in plain words: a row belongs to the oldest entry that has its e-mail or phone, by the
 * keys that the entries had before the import or came with. `entries` are in order of age and are changed in place.
 */
export function importSequentially(
  entries: ModelEntry[],
  importName: string,
  rows: readonly ModelFields[],
  policy: ModelPolicy,
): ModelOutcomes {
  const keys = new Map(entries.map((entry) => [entry, { ...entry }]));
  const outcomes: ModelOutcomes = {};
  for (const [i, row] of rows.entries()) {
    const line = i + 2;
    const same = (key: "email" | "phone_e164", entry: ModelEntry) =>
      row[key] !== null && keys.get(entry)![key] === row[key];
    const target =
      policy === "keep" ? undefined : entries.find((entry) => same("email", entry) || same("phone_e164", entry));
    if (!target) {
      const entry = { ...row, born: `${importName}:${line}` };
      entries.push(entry);
      keys.set(entry, { ...entry });
      outcomes[line] = "inserted";
      continue;
    }
    let changed = false;
    for (const unit of policy === "skip" ? [] : UNITS) {
      if (unit.every((name) => row[name] === null)) continue;
      if (policy === "fill" && unit.some((name) => target[name] !== null)) continue;
      changed ||= unit.some((name) => target[name] !== row[name]);
      for (const name of unit) target[name] = row[name];
    }
    outcomes[line] = !changed ? "skipped" : policy === "fill" ? "filled" : "overwritten";
  }
  return outcomes;
}

/** A generator of numbers in [0, 1) that gives the same ones for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Rows of a small file whose keys repeat often. */
export function randomRows(random: () => number, count: number): ModelFields[] {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  return Array.from({ length: count }, () => {
    // Two ways to write a number, and one that is no number.
    const [phone, phone_e164] = pick([
      [null, null],
      [null, null],
      ["(202) 224-3441", "+12022243441"],
      ["202.224.3441", "+12022243441"],
      ["(202) 224-5852", "+12022245852"],
      ["(202) 224-2541", "+12022242541"],
      ["ask Ann", null],
    ] as const);
    const email = pick([null, "a@example.com", "b@example.com", "c@example.com", "d@example.com"]);
    return { email, phone, phone_e164, full_name: pick([null, "Ann", "Bo"]), city: pick([null, null, "Rome", "Oslo"]) };
  });
}
