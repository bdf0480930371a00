import { z } from "zod";
import { isNanpCountry } from "../../lib/nanp-numbers.ts";
import { readPhone, type PhoneReading } from "../../lib/phone-number.ts";
import { blockResult, type Block, type BlockResult, type Claim, type EntryFields } from "./block.ts";
import { countryCode } from "./country-code.ts";
import { entryText, shorten } from "./entry-text.ts";
import { ownOrigin, packageOrigin } from "./package-version.ts";
import { phonePlace, phoneTimeZones } from "./phone-places.ts";

const config = z.strictObject({
  defaultCountry: z
    .string()
    .regex(/^[A-Z]{2}$/, "Give an ISO 3166 alpha-2 code such as US.")
    .default("US")
    .describe("Country of numbers without a country prefix, for entries that name no country."),
});

const numbers = packageOrigin("libphonenumber-js", "libphonenumber-js/max");
const geography = packageOrigin("libphonenumber-geo-carrier");
const firstOfZones = { ...geography, confidence: 0.9 };

/** Calling codes whose mobile numbers carry an area code, as libphonenumber lists them. */
const GEOGRAPHICAL_MOBILES = new Set(["52", "54", "55", "62", "86"]);

function isGeographical({ type, callingCode }: PhoneReading): boolean {
  if (type === "fixed_line" || type === "fixed_line_or_mobile") return true;
  return type === "mobile" && GEOGRAPHICAL_MOBILES.has(callingCode);
}

function timeZonesOf(phone: PhoneReading, geographical: boolean): readonly string[] {
  const digits = phone.e164.slice(1);
  if (geographical) return phoneTimeZones(digits);
  if (phone.type !== "mobile") return phone.callingCode === "1" ? [] : phoneTimeZones(phone.callingCode);
  // One calling code covers 25 countries in North America; there the area code tells the country.
  return phoneTimeZones(phone.callingCode === "1" ? digits.slice(0, 4) : phone.callingCode);
}

const DERIVED = ["phoneE164", "phoneType", "phoneCountry", "phoneLocation", "phoneTimeZone"] as const;

function cleared(status: "unknown" | "invalid"): Claim[] {
  return [["phoneStatus", status, numbers], ...DERIVED.map((field): Claim => [field, null, ownOrigin()])];
}

/** Whether nothing has been said about the entry's phone yet, so that there is nothing to take back. */
function isBare(entry: Readonly<EntryFields>): boolean {
  return (entry.phoneStatus ?? "unknown") === "unknown" && DERIVED.every((field) => (entry[field] ?? null) === null);
}

function run(entry: Readonly<EntryFields>, { defaultCountry }: z.output<typeof config>): BlockResult {
  const raw = entryText(entry.phone) || entryText(entry.phoneE164);
  if (raw === "")
    return blockResult(entry, "skipped", isBare(entry) ? [] : cleared("unknown"), {}, "There is no phone number.");
  const home = countryCode(entryText(entry.country)) ?? defaultCountry;
  const phone = readPhone(raw, home);
  if (phone === null) {
    return blockResult(entry, "invalid", cleared("invalid"), {}, `“${shorten(raw)}” is not a telephone number.`);
  }
  if (!phone.isValid) {
    const reason = `${shorten(phone.e164)} is not a number in use: its length or area code is not assigned.`;
    return blockResult(entry, "invalid", cleared("invalid"), { read: phone.e164, defaultCountry: home }, reason);
  }
  const geographical = isGeographical(phone);
  const place = geographical ? phonePlace(phone.callingCode, phone.nationalNumber) : null;
  const zones = timeZonesOf(phone, geographical);
  const zone = zones.length === 1 ? (zones[0] ?? null) : null;
  const found = {
    e164: phone.e164,
    type: phone.type,
    country: phone.country,
    callingCode: phone.callingCode,
    ...(phone.extension === null ? {} : { extension: phone.extension }),
    ...(place === null ? {} : { place }),
    ...(zones.length > 0 && zones.length <= 5 ? { timeZones: zones } : {}),
    ...(isNanpCountry(home) || raw.includes("+") ? {} : { readAs: home }),
  };
  return blockResult(
    entry,
    "found",
    [
      ["phoneE164", phone.e164, numbers],
      ["phoneStatus", "valid", numbers],
      ["phoneType", phone.type, numbers],
      ["phoneCountry", phone.country, numbers],
      ["phoneLocation", place, geography],
      ["phoneTimeZone", zone, firstOfZones],
    ],
    found,
  );
}

/** Number, validity, line type, country, place and time zone of the entry's phone. */
export const phoneBlock: Block<z.output<typeof config>> = {
  name: "phone",
  description: "Reads the phone number: E.164 form, validity, line type, country, place and time zone.",
  config,
  reads: ["phone", "country", "phoneStatus", ...DERIVED],
  writes: ["phoneStatus", ...DERIVED],
  run,
};
