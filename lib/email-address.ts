import isEmailModule from "validator/lib/isEmail.js";

// The declarations describe an ES module; what Node loads is a CommonJS one whose whole export is the function.
const isEmail = isEmailModule as unknown as (typeof isEmailModule)["default"];

const LONGEST_ADDRESS = 254;
const LONGEST_LOCAL_PART = 64;
const LONGEST_INPUT = 600;

// A subset of what validator accepts, without any repetition that could match one text in two ways.
const PLAIN = /^[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}$/;
const LONGEST_LABEL = 63;
const DISPLAY_NAME = /^[^<>]*<([^<>]+)>$/;

function isPlain(address: string): boolean {
  const at = address.indexOf("@");
  if (at > LONGEST_LOCAL_PART || !PLAIN.test(address)) return false;
  let labelStart = at + 1;
  for (let index = labelStart; index <= address.length; index += 1) {
    if (index === address.length || address.charCodeAt(index) === 46) {
      if (index - labelStart > LONGEST_LABEL) return false;
      labelStart = index + 1;
    }
  }
  return true;
}

/**
 * The address in the form by which duplicates are found: trimmed, lower-cased, without `mailto:` or a display name
 * (`Ada <ada@lovelace.org>`). Null when the text is not exactly one e-mail address; never throws.
 */
export function normaliseEmail(raw: unknown): string | null {
  if (typeof raw !== "string" || raw.length > LONGEST_INPUT) return null;
  let address = raw.trim().toLowerCase();
  if (address.length <= LONGEST_ADDRESS && isPlain(address)) return address;
  address = DISPLAY_NAME.exec(address)?.[1]?.trim() ?? address;
  if (address.startsWith("mailto:")) address = address.slice("mailto:".length);
  address = address.normalize("NFC");
  if (address.length > LONGEST_ADDRESS || !address.isWellFormed()) return null;
  return isEmail(address) ? address : null;
}
