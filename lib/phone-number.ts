import { isSupportedCountry, parsePhoneNumberFromString, type PhoneNumber } from "libphonenumber-js/max";
import { isNanpCountry, nanpLine, plainNanpDigits } from "./nanp-numbers.ts";

/** What a written telephone number turned out to be. */
export interface PhoneReading {
  /** E.164, also for a number that could exist but that its country has not assigned: see `isValid`. */
  readonly e164: string;
  readonly callingCode: string;
  readonly nationalNumber: string;
  /** ISO 3166 alpha-2, or null for a number that belongs to no single country (satellite, international toll free). */
  readonly country: string | null;
  /** Lower-cased libphonenumber type such as `mobile` or `fixed_line_or_mobile`; null when it is not known. */
  readonly type: string | null;
  readonly extension: string | null;
  readonly isValid: boolean;
}

const LONGEST_INPUT = 250;
const HAS_DIGIT = /\p{Nd}/u;
const SEPARATED = /[;|/,]|\bor\b/i;
const VANITY = /^\+?1?[\s.(-]*\d{3}[\s.)-]*(?=(?:[^a-z]*[a-z]){3})[a-z0-9](?:[\s-]?[a-z0-9]){6}$/i;
const KEYPAD = "22233344455566677778889999";

function parse(text: string, country: string): PhoneNumber | undefined {
  return isSupportedCountry(country) ? parsePhoneNumberFromString(text, country) : parsePhoneNumberFromString(text);
}

const withLettersDialled = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => KEYPAD[letter.toLowerCase().charCodeAt(0) - 97] ?? letter);

function fromLibrary(raw: string, country: string): PhoneNumber | undefined {
  const whole = parse(isNanpCountry(country) && VANITY.test(raw) ? withLettersDialled(raw) : raw, country);
  if (whole?.isValid() || !SEPARATED.test(raw)) return whole;
  for (const part of raw.split(SEPARATED, 4)) {
    const one = HAS_DIGIT.test(part) ? parse(part, country) : undefined;
    if (one?.isValid()) return one;
  }
  return whole;
}

/**
 * Reads a telephone number as a person wrote it; of several in one field (`a / b`) the first valid one. A number without a
 * country prefix is read in `defaultCountry` (ISO 3166 alpha-2). Null when the text is no telephone number; never throws.
 */
export function readPhone(raw: string, defaultCountry: string): PhoneReading | null {
  const plain = plainNanpDigits(raw, defaultCountry);
  if (plain !== null) {
    const line = nanpLine(plain);
    return {
      e164: `+1${plain}`,
      callingCode: "1",
      nationalNumber: plain,
      country: line?.country ?? null,
      type: line?.type.toLowerCase() ?? null,
      extension: null,
      isValid: line !== null,
    };
  }
  if (raw.length > LONGEST_INPUT || !HAS_DIGIT.test(raw)) return null;
  const phone = fromLibrary(raw, defaultCountry);
  if (!phone) return null;
  return {
    e164: phone.number,
    callingCode: phone.countryCallingCode,
    nationalNumber: phone.nationalNumber,
    country: phone.country ?? null,
    type: phone.getType()?.toLowerCase() ?? null,
    extension: phone.ext ?? null,
    isValid: phone.isValid(),
  };
}

/**
 * The E.164 form of a telephone number (without its extension), by which duplicates are found; null when the text is not
 * a number that its country has assigned, so that fillers such as `000-000-0000` never make two rows duplicates.
 */
export function normalisePhone(raw: unknown, defaultCountry = "US"): string | null {
  const text = typeof raw === "number" ? String(raw) : raw;
  if (typeof text !== "string") return null;
  const plain = plainNanpDigits(text, defaultCountry);
  if (plain !== null) return nanpLine(plain) ? `+1${plain}` : null;
  if (text.length > LONGEST_INPUT || !HAS_DIGIT.test(text)) return null;
  const phone = fromLibrary(text, defaultCountry);
  return phone?.isValid() ? phone.number : null;
}
