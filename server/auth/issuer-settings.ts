import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { projectDir } from "../../lib/config.ts";
import { SetupError } from "../../lib/errors.ts";

/** The ways to sign that are accepted of other issuers: asymmetric ones only, so that no public key is ever a secret. */
export const foreignAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"] as const;

/** A way to sign. */
export type ForeignAlgorithm = (typeof foreignAlgorithms)[number];

const isLoopback = (host: string) => ["localhost", "127.0.0.1", "[::1]"].includes(host);

const keysSchema = z.string().refine((text) => {
  if (!/^\w+:\/\//.test(text)) return true;
  const url = URL.parse(text);
  return url !== null && (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname)));
}, "must be an https URL, or the path of a file");

const issuerSchema = z.strictObject({
  /** The iss claim, to the letter. */
  issuer: z.string().min(1),
  /** What the aud claim must be, or hold. */
  audience: z.string().min(1),
  /** URL or file of the issuer's public keys. */
  jwks: keysSchema,
  algorithms: z.array(z.enum(foreignAlgorithms)).min(1),
  /** Slugs or ids of the tenants it may speak for. */
  tenants: z.array(z.string().min(1)).min(1),
  /** The names of the claims, where they are others. */
  claims: z
    .strictObject({
      tenant: z.string().min(1).default("tenant"),
      email: z.string().min(1).default("email"),
      emailVerified: z.string().min(1).default("email_verified"),
      role: z.string().min(1).default("role"),
    })
    .prefault({}),
});

/** Another issuer whose tokens are accepted. */
export type IssuerSettings = Readonly<z.output<typeof issuerSchema>>;

/** Reads the issuers of ROWHOUSE_JWT_ISSUERS: JSON, or the path of a file of it. Throws a SetupError that names what is wrong. */
export function readIssuers(setting: string | undefined, ownIssuer: string): readonly IssuerSettings[] {
  if (setting === undefined) return [];
  const refuse = (problem: string, cause?: unknown) => new SetupError(`ROWHOUSE_JWT_ISSUERS ${problem}`, cause);
  let value: unknown;
  try {
    const text = /^\s*\[/.test(setting) ? setting : readFileSync(resolve(projectDir, setting), "utf8");
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`is neither JSON nor the path of a file of it: ${(error as Error).message}`, error);
  }
  const parsed = z.array(issuerSchema).safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw refuse(`has a mistake at ${path.join(".") || "its beginning"}: ${message}`);
  }
  const names = parsed.data.map(({ issuer }) => issuer);
  const twice = names.find((name, i) => name === ownIssuer || names.indexOf(name) !== i);
  if (twice !== undefined) throw refuse(`names the issuer ${twice} twice, or it is our own. Each has one entry.`);
  return parsed.data;
}
