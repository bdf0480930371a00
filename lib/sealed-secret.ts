import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import type { Config } from "./config.ts";
import { SetupError } from "./errors.ts";

/** The settings that keys come from. */
export type KeySettings = Pick<Config, "secret" | "encryptionKeys"> & Partial<Pick<Config, "previousSecrets">>;

const version = 1;
const idBytes = 8;
const ivBytes = 12;
const tagBytes = 16;
const headBytes = 1 + idBytes + ivBytes + tagBytes;

interface Key {
  /** The first bytes of its hash: it tells keys apart, and tells nothing of the key. */
  readonly id: Buffer;
  readonly bytes: Buffer;
}

/**
 * Encrypts a secret by AES-256-GCM under the first key of the settings. The context, such as `user_totp:<user id>`, is
 * authenticated: what is sealed for one row opens in no other. Layout: version, key id, nonce, tag, ciphertext.
 */
export function sealSecret(settings: KeySettings, plaintext: string, context: string): Buffer {
  const [key] = keysOf(settings) as [Key];
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", key.bytes, iv);
  cipher.setAAD(Buffer.from(context, "utf8"));
  const ciphertext = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.of(version), key.id, iv, cipher.getAuthTag(), ciphertext]);
}

/** Decrypts what was sealed for a context. Throws a SetupError when its key is not in the settings, or when it was changed. */
export function openSecret(settings: KeySettings, sealed: Buffer, context: string): string {
  if (sealed.length < headBytes || sealed[0] !== version) throw damaged(context);
  const id = sealed.subarray(1, 1 + idBytes);
  const key = keysOf(settings).find((each) => each.id.equals(id));
  if (key === undefined) {
    throw new SetupError(
      `The secret ${context} was encrypted with key ${id.toString("hex")}, which is not in ROWHOUSE_ENCRYPTION_KEYS. ` +
        "Add that key at the end of the list, or set the secret anew.",
    );
  }
  const iv = sealed.subarray(1 + idBytes, 1 + idBytes + ivBytes);
  const decipher = createDecipheriv("aes-256-gcm", key.bytes, iv, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(context, "utf8"));
  decipher.setAuthTag(sealed.subarray(headBytes - tagBytes, headBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(headBytes)), decipher.final()]).toString("utf8");
  } catch (error) {
    throw damaged(context, error);
  }
}

/** The first bytes of whatever is sealed now: values that begin otherwise are sealed by an older key. */
export function sealedPrefix(settings: KeySettings): Buffer {
  const [key] = keysOf(settings) as [Key];
  return Buffer.concat([Buffer.of(version), key.id]);
}

const known = new WeakMap<KeySettings, readonly Key[]>();

/** The keys of the settings in order, and at the end those that are derived from ROWHOUSE_SECRET and from former ones. */
function keysOf(settings: KeySettings): readonly Key[] {
  let keys = known.get(settings);
  if (keys === undefined) {
    const explicit = (settings.encryptionKeys ?? []).map((key) => Buffer.from(key, "base64"));
    const derived = [settings.secret, ...(settings.previousSecrets ?? [])].map((secret) =>
      Buffer.from(hkdfSync("sha256", secret, "", "rowhouse column secrets", 32)),
    );
    keys = [...explicit, ...derived].map((bytes) => ({
      id: createHash("sha256").update(bytes).digest().subarray(0, idBytes),
      bytes,
    }));
    known.set(settings, keys);
  }
  return keys;
}

function damaged(context: string, cause?: unknown): SetupError {
  return new SetupError(
    `The secret ${context} cannot be decrypted: it was changed, or belongs elsewhere. Set it anew.`,
    cause,
  );
}
