import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { readForm } from "./read-form.ts";
import { twilioContents } from "./twilio-contents.ts";

/** A call as it came, as far as its signature is made over it. */
export interface SignedCall {
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Lower-case names of headers that came more than once. */
  readonly repeated: ReadonlySet<string>;
  readonly body: Buffer;
  /** The addresses that the sender may have called, for the scheme that signs them. */
  readonly urls: readonly string[];
}

/** How the calls of a source are signed. */
export interface SigningRule {
  readonly scheme: string;
  readonly signatureHeader?: string | null;
  readonly signatureEncoding?: string | null;
  readonly toleranceSeconds: number;
  /** The secret, and the one before it while that counts. */
  readonly secrets: readonly string[];
}

/** Why a call is not taken for what it says it is. */
export type Refusal = "missing_signature" | "malformed_signature" | "wrong_signature" | "stale" | "no_secret";

/** What was found of a call's signature. */
export interface Finding {
  readonly verdict: "valid" | "unsigned" | Refusal;
  /** The header's text. */
  readonly signature?: string | undefined;
  /** SHA-256 of what was signed: it does not depend on the secret, so a replay is known after a rotation, too. */
  readonly signedDigest?: string | undefined;
}

/** What a scheme reads from a call: the signatures it brings, and what one of them must be made over. */
interface Claim {
  readonly signature: string;
  readonly hash: "sha256" | "sha1";
  /** Those that came; one must be right. */
  readonly given: readonly Buffer[];
  /** What it may have been made over; one must fit. */
  readonly contents: readonly (string | Buffer)[][];
  /** Seconds since 1970, where the scheme has a time stamp. */
  readonly time?: number | undefined;
  /** The key of a secret, where that is not its text. */
  readonly key?: (secret: string) => Buffer;
}

type Reader = (call: SignedCall, rule: SigningRule) => Claim | Refusal;

/** Signatures beyond these of one call are not looked at. */
const signaturesMax = 10;

/** Says whether the signature of a call is right and in time; `now` is in milliseconds. Never throws. */
export function verifySignature(call: SignedCall, rule: SigningRule, now = Date.now()): Finding {
  if (rule.scheme === "none") return { verdict: "unsigned" };
  const read = Object.hasOwn(readers, rule.scheme) ? readers[rule.scheme] : undefined;
  if (read === undefined || rule.secrets.length === 0) return { verdict: "no_secret" };
  const claim = read(call, rule);
  if (typeof claim === "string") return { verdict: claim };
  const { signature } = claim;
  const content = matching(claim, rule.secrets);
  if (content === undefined) return { verdict: "wrong_signature", signature };
  if (claim.time !== undefined && Math.abs(now / 1000 - claim.time) > rule.toleranceSeconds)
    return { verdict: "stale", signature };
  const digest = createHash("sha256");
  for (const part of content) digest.update(part);
  return { verdict: "valid", signature, signedDigest: digest.digest("hex") };
}

/** What the signature was made over, if one fits. All are compared, so that the time tells nothing of which. */
function matching({ hash, given, contents, key }: Claim, secrets: readonly string[]) {
  let found: (string | Buffer)[] | undefined;
  for (const secret of secrets) {
    const bytes = key ? key(secret) : Buffer.from(secret, "utf8");
    // What is no key of this scheme, since the scheme was changed, must not become an empty one that anybody knows.
    if (bytes.length < (key ? 8 : 1)) continue;
    for (const content of contents) {
      const hmac = createHmac(hash, bytes);
      for (const part of content) hmac.update(part);
      const wanted = hmac.digest();
      for (const each of given.slice(0, signaturesMax))
        if (each.length === wanted.length && timingSafeEqual(each, wanted)) found ??= content;
    }
  }
  return found;
}

/** A header that must come once. */
function single({ headers, repeated }: SignedCall, name: string): { text: string } | Refusal {
  if (repeated.has(name)) return "malformed_signature";
  const text = headers[name];
  return text === undefined || text === "" ? "missing_signature" : { text };
}

/** Digits only: a time stamp that is no number must not pass as one that is never too old. */
function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,11}$/.test(text) ? Number(text) : undefined;
}

function bytes(text: string, encoding: string, length: number): Buffer | undefined {
  const isWritten = encoding === "hex" ? /^[0-9a-f]+$/i.test(text) : /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  if (!isWritten) return undefined;
  const read = Buffer.from(text, encoding === "hex" ? "hex" : "base64");
  return read.length === length ? read : undefined;
}

/** HMAC over the body alone, in one header. */
const overBody =
  (hash: "sha256" | "sha1", header?: string, encoding?: string): Reader =>
  (call, rule) => {
    const found = single(call, header ?? rule.signatureHeader ?? "x-signature");
    if (typeof found === "string") return found;
    const value = found.text.trim().replace(/^sha(1|256)=/i, "");
    const given = bytes(value, encoding ?? rule.signatureEncoding ?? "hex", hash === "sha1" ? 20 : 32);
    if (given === undefined) return "malformed_signature";
    return { signature: found.text, hash, given: [given], contents: [[call.body]] };
  };

/** `Stripe-Signature: t=…,v1=…,v1=…`, over `t.body`. */
const stripe: Reader = (call) => {
  const found = single(call, "stripe-signature");
  if (typeof found === "string") return found;
  const items = found.text.split(",").map((item) => item.trim().split("=", 2));
  const times = items.filter(([name]) => name === "t").map(([, value]) => value);
  const time = times.length === 1 ? seconds(times[0]) : undefined;
  const given = items.flatMap(([name, value]) => (name === "v1" ? (bytes(value ?? "", "hex", 32) ?? []) : []));
  if (time === undefined || given.length === 0) return "malformed_signature";
  return { signature: found.text, hash: "sha256", given, time, contents: [[`${times[0]}.`, call.body]] };
};

/** `webhook-id`, `webhook-timestamp` and `webhook-signature: v1,… v1,…`, over `id.timestamp.body`; Svix has its own names. */
const standardWebhooks: Reader = (call) => {
  const prefix = call.headers["webhook-signature"] === undefined && call.headers["svix-signature"] ? "svix" : "webhook";
  const [signature, id, stamp] = ["signature", "id", "timestamp"].map((name) => single(call, `${prefix}-${name}`));
  if (typeof signature === "string") return signature;
  if (typeof id !== "object" || typeof stamp !== "object") return "malformed_signature";
  const time = seconds(stamp.text);
  const given = signature!.text.split(" ").flatMap((each) => {
    const [version, value = ""] = each.split(",", 2);
    return version === "v1" ? (bytes(value, "base64", 32) ?? []) : [];
  });
  if (time === undefined || given.length === 0) return "malformed_signature";
  return {
    ...{ signature: signature!.text, hash: "sha256", given, time },
    contents: [[`${id.text}.${stamp.text}.`, call.body]],
    key: (secret) => Buffer.from(secret.replace(/^whsec_/, ""), "base64"),
  };
};

/** `X-Twilio-Signature`, over the address and the sorted fields of the form, or an address that names the body's hash. */
const twilio: Reader = (call) => {
  const found = single(call, "x-twilio-signature");
  if (typeof found === "string") return found;
  const given = bytes(found.text.trim(), "base64", 20);
  if (given === undefined) return "malformed_signature";
  const contents = twilioContents(call.urls, call.body, readForm(call.headers["content-type"], call.body));
  return { signature: found.text, hash: "sha1", given: [given], contents: contents.map((content) => [content]) };
};

const readers: Readonly<Record<string, Reader>> = {
  stripe,
  twilio,
  standard_webhooks: standardWebhooks,
  github: overBody("sha256", "x-hub-signature-256", "hex"),
  hmac_sha256: overBody("sha256"),
  hmac_sha1: overBody("sha1"),
};
