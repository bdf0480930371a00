import { type EntryColumn, ENTRY_COLUMNS, isEntryColumn } from "./entry-columns.ts";
import { ImportFileError } from "./import-file-error.ts";
import type { ImportFileOptions } from "./import-file-options.ts";

/** Which typed column takes which source column. */
export type HeaderMapping = Partial<Record<EntryColumn, string>>;

/** Well-known names of source columns, without case, spaces and punctuation. */
const SYNONYMS: Record<EntryColumn, readonly string[]> = {
  full_name: ["fullname", "name", "contactname", "contact", "displayname", "personname"],
  first_name: ["firstname", "fname", "givenname", "given", "forename", "first", "vorname", "prenom"],
  middle_name: ["middlename", "mname", "middle", "middleinitial"],
  last_name: ["lastname", "lname", "surname", "familyname", "last", "nachname", "nom"],
  name_suffix: ["namesuffix", "suffix"],
  nickname: ["nickname", "nick", "preferredname"],
  company_name: [
    "companyname",
    "company",
    "organisation",
    "organization",
    "org",
    "employer",
    "business",
    "businessname",
    "firm",
  ],
  email: ["email", "emailaddress", "mail", "emailid", "workemail", "primaryemail", "courriel"],
  phone: [
    "phone",
    "phonenumber",
    "telephone",
    "tel",
    "telephonenumber",
    "mobile",
    "mobilephone",
    "cell",
    "cellphone",
    "workphone",
    "primaryphone",
  ],
  address_line1: ["addressline1", "address1", "address", "street", "streetaddress", "street1", "addr1", "addr"],
  address_line2: ["addressline2", "address2", "street2", "addr2", "suite", "unit", "apartment", "apt"],
  city: ["city", "town", "locality", "suburb"],
  state: ["state", "province", "region", "stateprovince", "statecode"],
  postal_code: ["postalcode", "zip", "zipcode", "postcode", "plz"],
  country: ["country", "countrycode", "countryname", "nation"],
};

const plain = (name: string): string =>
  name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, "");

/** The names of source columns: trimmed, `column_N` where empty, made different where they repeat. */
export function nameColumns(cells: readonly string[]): string[] {
  const taken = new Set<string>();
  return cells.map((cell, index) => {
    const base = cell.replaceAll(/\s+/g, " ").trim().slice(0, 200) || `column_${index + 1}`;
    let name = base;
    for (let n = 2; taken.has(name); n++) name = `${base}_${n}`;
    taken.add(name);
    return name;
  });
}

const ADDRESS = /^\S+@\S+\.\S+$|^https?:\/\//i;
const DATE = /^\d{4}-\d\d-\d\d|^\d{1,2}[/.]\d{1,2}[/.]\d{2,4}$/;
const NUMBER = /^[+-]?\d+([.,]\d+)?$/;

/**
 * Whether the first row is data rather than a header: it has no well-known name, and an address, a date or a telephone number
 * in it, or numbers for half of its cells.
 */
export function looksLikeData(cells: readonly string[]): boolean {
  const filled = cells.map((cell) => cell.trim()).filter((cell) => cell !== "");
  if (filled.some((cell) => isSynonym(cell))) return false;
  const isPhone = (cell: string) => /^\d{7,}$/.test(cell.replaceAll(/[\s().+-]/g, ""));
  if (filled.some((cell) => ADDRESS.test(cell) || DATE.test(cell) || isPhone(cell))) return true;
  return filled.filter((cell) => NUMBER.test(cell)).length * 2 > filled.length;
}

/** Finds the source column of each typed column: as the mapping says, or by well-known names. */
export function mapHeaders(headers: readonly string[], mapping: ImportFileOptions["mapping"]): HeaderMapping {
  return mapping ? checkMapping(headers, mapping) : recognise(headers);
}

function checkMapping(headers: readonly string[], mapping: NonNullable<ImportFileOptions["mapping"]>): HeaderMapping {
  const found = `The file has the columns: ${headers.map((header) => `"${header}"`).join(", ")}.`;
  const result: HeaderMapping = {};
  for (const [header, column] of Object.entries(mapping)) {
    if (!headers.includes(header)) {
      throw new ImportFileError(
        "BAD_MAPPING",
        `The mapping names the column "${header}", which the file does not have. ${found}`,
        { headers },
      );
    }
    if (column === null) continue;
    if (!isEntryColumn(column)) {
      throw new ImportFileError(
        "BAD_MAPPING",
        `The mapping sends "${header}" to "${String(column)}", which is no column of an entry. Choose one of ${ENTRY_COLUMNS.join(", ")}, or null.`,
        { headers },
      );
    }
    if (result[column] !== undefined) {
      throw new ImportFileError(
        "BAD_MAPPING",
        `The mapping sends both "${result[column]}" and "${header}" to ${column}. Keep one. ${found}`,
        { headers },
      );
    }
    result[column] = header;
  }
  return result;
}

function recognise(headers: readonly string[]): HeaderMapping {
  const result: HeaderMapping = {};
  for (const column of ENTRY_COLUMNS) {
    // The order of the synonyms is their rank: "email" goes before "mail" wherever they stand.
    for (const synonym of SYNONYMS[column]) {
      const header = headers.find((name) => plain(name) === synonym);
      if (header === undefined) continue;
      result[column] = header;
      break;
    }
  }
  return result;
}

function isSynonym(cell: string): boolean {
  const name = plain(cell);
  return name !== "" && Object.values(SYNONYMS).some((names) => names.includes(name));
}
