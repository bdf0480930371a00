const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Record<string, string> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const JSON_SPECIAL = /["\\\u0000-\u001f\ud800-\udfff]/;

/** A value in PostgreSQL's COPY text format; null is `\N`. */
export function copyText(value: string | null): string {
  if (value === null) return "\\N";
  return SPECIAL.test(value) ? value.replaceAll(/[\\\n\r\t]/g, (char) => ESCAPES[char]!) : value;
}

/** A string as JSON; the short way for the many that need no escape. */
export function jsonText(value: string): string {
  return JSON_SPECIAL.test(value) ? JSON.stringify(value) : `"${value}"`;
}
