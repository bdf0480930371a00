const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const JSON_SPECIAL = /["\\\u0000-\u001f]/;

/** A value in PostgreSQL's COPY text format. */
export function copyText(value: string): string {
  return SPECIAL.test(value) ? value.replaceAll(/[\\\n\r\t]/g, (char) => ESCAPES[char]!) : value;
}

/** A well-formed string as JSON in COPY text format; the short way for the many that need no escape. */
export function copyJsonText(value: string): string {
  return JSON_SPECIAL.test(value) ? copyText(JSON.stringify(value)) : `"${value}"`;
}
