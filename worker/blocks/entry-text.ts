// What PostgreSQL's text and jsonb refuse (NUL) and what nobody typed on purpose: other controls, zero-width marks, BOM.

const UNWANTED = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u200b\u200e\u200f\u2060\ufeff]/g;

const CLEAN = /^[!-~]+(?: [!-~]+)*$/;

/**
 * An entry's value as clean text: well-formed NFC Unicode on one line, single spaces, without controls; numbers become
 * their digits, and anything else (null, arrays, objects, booleans) the empty string.
 */
export function entryText(value: unknown): string {
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  if (typeof value !== "string") return "";
  if (CLEAN.test(value)) return value;
  return value.replace(UNWANTED, "").toWellFormed().normalize("NFC").replace(/\s+/g, " ").trim();
}

/** The first characters of a text, for messages that must stay short. */
export function shorten(text: string, longest = 60): string {
  const characters = Array.from(text.slice(0, longest * 2));
  if (characters.length <= longest && text.length <= longest * 2) return text;
  return `${characters.slice(0, longest).join("").toWellFormed()}…`;
}
