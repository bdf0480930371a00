import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

/** An API key that was just made: the text that is shown once, its beginning, and the hash that is kept. */
export interface NewApiKey {
  readonly key: string;
  readonly prefix: string;
  readonly hash: string;
}

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** `rh_`, eight characters to tell keys apart by, 256 random bits, and a checksum by which typing errors are found. */
const format = /^(rh_[0-9A-Za-z]{8})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

function base62(value: bigint, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest /= 62n) text = digits[Number(rest % 62n)]! + text;
  return text;
}

const random = (bytes: number, length: number) => base62(BigInt(`0x${randomBytes(bytes).toString("hex")}`), length);
const checksum = (text: string) => base62(BigInt(crc32(text)), 6);

/** A new API key; one that is rotated keeps its beginning. */
export function newApiKey(prefix = `rh_${random(16, 8)}`): NewApiKey {
  const body = `${prefix}_${random(32, 43)}`;
  const key = body + checksum(body);
  return { key, prefix, hash: hashOfApiKey(key) };
}

/** Whether a credential is meant as an API key, and not as a token. */
export function looksLikeApiKey(credential: string): boolean {
  return credential.startsWith("rh_");
}

/** Whether an API key was copied as a whole: anything else is refused without a look at the database. */
export function isWholeApiKey(key: string): boolean {
  return format.test(key) && checksum(key.slice(0, -6)) === key.slice(-6);
}

/** SHA-256 in hexadecimal. A key is long and random, so a slow hash would add nothing. */
export function hashOfApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
