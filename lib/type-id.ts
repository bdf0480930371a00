import { RowhouseError } from "./errors.ts";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const digits = new Map([...alphabet].map((letter, value) => [letter, BigInt(value)]));
const suffixLength = 26;
const uuidMax = (1n << 128n) - 1n;

/** The TypeID of a uuid: the prefix of its kind, an underscore, and 26 letters of base32, such as `list_01jd3…`. */
export function encodeTypeId(prefix: string, uuid: string): string {
  let rest = BigInt(`0x${uuid.replaceAll("-", "")}`);
  let suffix = "";
  for (let place = 0; place < suffixLength; place++) {
    suffix = alphabet[Number(rest & 31n)]! + suffix;
    rest >>= 5n;
  }
  return `${prefix}_${suffix}`;
}

/** The prefix and uuid of a TypeID, or undefined when the text is none. */
export function parseTypeId(text: string): { prefix: string; uuid: string } | undefined {
  const [, prefix, suffix] = /^([a-z](?:[a-z_]{0,61}[a-z])?)_([0-9a-z]{26})$/.exec(text) ?? [];
  if (prefix === undefined || suffix === undefined) return undefined;
  let value = 0n;
  for (const letter of suffix) {
    const digit = digits.get(letter);
    if (digit === undefined) return undefined;
    value = (value << 5n) | digit;
  }
  if (value > uuidMax) return undefined;
  const hex = value.toString(16).padStart(32, "0");
  return { prefix, uuid: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") };
}

/** The uuid of a TypeID that must have this prefix; throws VALIDATION_FAILED, naming the kind that was given instead. */
export function decodeTypeId(prefix: string, text: unknown): string {
  const parsed = typeof text === "string" ? parseTypeId(text) : undefined;
  if (parsed?.prefix === prefix) return parsed.uuid;
  const given = parsed ? `is the id of a "${parsed.prefix}"` : "is not an id";
  throw new RowhouseError(
    "VALIDATION_FAILED",
    `${shown(text)} ${given}; an id that begins with "${prefix}_" is needed.`,
  );
}

function shown(text: unknown): string {
  const json = JSON.stringify(text) ?? String(text);
  return json.length > 60 ? `${json.slice(0, 57)}…` : json;
}
