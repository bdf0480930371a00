/** The typed columns of a list entry that a column of a file can be mapped to, in the order of the staging table. */
export const ENTRY_COLUMNS = [
  "full_name",
  "first_name",
  "middle_name",
  "last_name",
  "name_suffix",
  "nickname",
  "company_name",
  "email",
  "phone",
  "address_line1",
  "address_line2",
  "city",
  "state",
  "postal_code",
  "country",
] as const;

/** The name of one typed column. */
export type EntryColumn = (typeof ENTRY_COLUMNS)[number];

/** The columns of every line that `readImportFile` writes in COPY text format, in this order. */
export const STAGING_COLUMNS = ["line_number", "data", ...ENTRY_COLUMNS, "phone_e164"] as const;

/** The greatest length in characters that each typed column takes; a longer cell rejects its line. */
export const ENTRY_COLUMN_LENGTHS: Readonly<Record<EntryColumn, number>> = {
  full_name: 400,
  first_name: 200,
  middle_name: 200,
  last_name: 200,
  name_suffix: 50,
  nickname: 200,
  company_name: 300,
  email: 320,
  phone: 64,
  address_line1: 500,
  address_line2: 500,
  city: 200,
  state: 100,
  postal_code: 32,
  country: 100,
};

/** Tells whether a text names a typed column. */
export const isEntryColumn = (name: string): name is EntryColumn => (ENTRY_COLUMNS as readonly string[]).includes(name);
