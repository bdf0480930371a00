import { createHash } from "node:crypto";
import { decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyResult } from "jose";
import type { Pool } from "pg";
import { z } from "zod";
import { RowhouseError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { tokenMinutesMax } from "./access-tokens.ts";
import { findForeignMember, type ForeignMember } from "./identity.ts";
import type { IssuerSettings } from "./issuer-settings.ts";
import { createJwks, type Jwks } from "./jwks.ts";
import type { Revocations } from "./revocations.ts";
import { tokenRoles, type Session, type TokenRole } from "./session.ts";

/** Tokens of other issuers. */
export interface ForeignTokens {
  /** Whether a token says that it is of one of them; nothing of it is verified yet. */
  claims(token: string): boolean;
  /** The session of a token. Throws UNAUTHENTICATED, or FORBIDDEN for a tenant its issuer does not speak for. */
  verify(token: string): Promise<Session>;
}

/** What tokens of other issuers are verified with. */
export interface ForeignTokensOptions {
  readonly pool: Pool;
  readonly issuers: readonly IssuerSettings[];
  readonly revocations: Pick<Revocations, "isCurrent" | "isRevoked">;
  readonly log: Log;
}

interface Verified {
  readonly session: Session;
  readonly versions: readonly (readonly [id: string, version: number])[];
  readonly forgetAt: number;
}

/** The longest token that is read, in characters. */
const lengthMax = 8192;
const clockSkewSeconds = 60;
const rememberMs = 20_000;
const remembered = 10_000;

/** Tokens of the issuers of the settings. What is remembered of one ends as it does for API keys. */
export function createForeignTokens({ pool, issuers, revocations, log }: ForeignTokensOptions): ForeignTokens {
  const sources = new Map<string, { settings: IssuerSettings; jwks: Jwks }>(
    issuers.map((settings) => {
      const { issuer, jwks: source, algorithms } = settings;
      return [issuer, { settings, jwks: createJwks({ source, algorithms, log }) }];
    }),
  );
  const known = new Map<string, Verified>();

  const verifyAnew = async (token: string): Promise<Verified> => {
    const { settings, jwks } = sources.get(issuerOf(token) ?? "")!;
    const payload = await verifySignature(token, settings, jwks, log);
    const { tenant, ...asked } = readClaims(payload, settings);
    const member = await findForeignMember(pool, tenant, asked.userId, asked.email);
    checkMember(member, tenant, settings);
    const role = lesser(member.role, asked.role);
    const expiresAt = payload.exp!;
    const { user_id: userId, tenant_id: tenantId, actor_id: actorId } = member;
    return {
      session: Object.freeze({ userId, tenantId, actorId, role, tokenId: tokenIdOf(token, payload), expiresAt }),
      versions: [
        [tenantId, Number(member.tenant_version)],
        [member.membership_id, Number(member.membership_version)],
      ],
      forgetAt: Math.min(Date.now() + rememberMs, expiresAt * 1000),
    };
  };

  return {
    claims: (token) => known.has(token) || sources.has(issuerOf(token) ?? ""),
    async verify(token) {
      if (token.length > lengthMax) throw refused(`is longer than ${lengthMax} characters`);
      let verified = known.get(token);
      if (!verified || verified.forgetAt <= Date.now() || !revocations.isCurrent(verified.versions)) {
        known.delete(token);
        verified = await verifyAnew(token);
        // The oldest goes first: a map gives its keys in the order in which they came.
        if (known.size >= remembered) known.delete(known.keys().next().value!);
        known.set(token, verified);
      }
      if (revocations.isRevoked(verified.session)) throw refused("was taken back");
      return verified.session;
    },
  };
}

function issuerOf(token: string): string | undefined {
  if (token.length > lengthMax) return undefined;
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

async function verifySignature(
  token: string,
  { issuer, audience, algorithms }: IssuerSettings,
  jwks: Jwks,
  log: Log,
): Promise<JWTPayload> {
  let result: JWTVerifyResult;
  try {
    result = await jwtVerify(
      token,
      async ({ kid, alg }) => {
        const key = await jwks.find(kid, alg).catch((error: unknown) => {
          log.warn({ err: error, issuer }, "a token cannot be verified without the keys of its issuer");
          throw refused("cannot be verified now, as its issuer does not tell its keys");
        });
        if (key === undefined) throw refused("is signed with a key that its issuer does not have");
        return key;
      },
      { issuer, audience, algorithms: [...algorithms], requiredClaims: ["exp", "iat"] },
    );
  } catch (error) {
    throw error instanceof RowhouseError ? error : refused(reasonOf(error, algorithms), error);
  }
  const { typ } = result.protectedHeader;
  if (!/^(application\/)?(at\+)?jwt$/i.test(typ ?? ""))
    throw refused("is no access token: its typ is not JWT or at+jwt");
  const { exp, iat } = result.payload as { exp: number; iat: number };
  if (exp - iat > tokenMinutesMax * 60) throw refused(`is valid for more than ${tokenMinutesMax} minutes`);
  if (iat > Date.now() / 1000 + clockSkewSeconds) throw refused("was issued in the future");
  return result.payload;
}

interface AskedFor {
  readonly tenant: string;
  readonly userId: string | undefined;
  readonly email: string | undefined;
  readonly role: TokenRole | undefined;
}

const uuid = z.uuid();

function readClaims(payload: JWTPayload, { tenants, claims }: IssuerSettings): AskedFor {
  const tenant = payload[claims.tenant] ?? (tenants.length === 1 ? tenants[0] : undefined);
  if (typeof tenant !== "string") throw refused(`has no claim ${claims.tenant} that names a tenant`);
  const role = payload[claims.role];
  if (role !== undefined && !(tokenRoles as readonly unknown[]).includes(role)) {
    throw refused(`has a claim ${claims.role} that is not one of ${tokenRoles.join(", ")}`);
  }
  const email = payload[claims.email];
  const isVerified = payload[claims.emailVerified] === true && typeof email === "string";
  const userId = uuid.safeParse(payload.sub).success ? payload.sub!.toLowerCase() : undefined;
  if (userId === undefined && !isVerified)
    throw refused("names nobody: neither a user's id nor a verified e-mail address");
  return {
    tenant: tenant.toLowerCase(),
    userId,
    email: isVerified ? email.trim().toLowerCase() : undefined,
    role: role as TokenRole | undefined,
  };
}

function checkMember(
  member: ForeignMember | undefined,
  tenant: string,
  { tenants }: IssuerSettings,
): asserts member is ForeignMember {
  // A slug may look like the id of another tenant.
  const isAllowed = tenants.some((name) =>
    member === undefined
      ? name === tenant
      : name === (uuid.safeParse(name).success ? member.tenant_id : member.tenant_slug),
  );
  if (!isAllowed)
    throw new RowhouseError("FORBIDDEN", `The issuer of this token does not speak for tenant "${tenant}".`);
  if (member === undefined) throw refused(`names nobody who is a member of tenant "${tenant}"`);
  if (member.tenant_status !== "active")
    throw new RowhouseError("FORBIDDEN", `Tenant "${tenant}" is ${member.tenant_status}. Ask its owner.`);
}

const lesser = (own: TokenRole, asked: TokenRole = own) =>
  tokenRoles.indexOf(asked) < tokenRoles.indexOf(own) ? asked : own;

/** The id by which a token is taken back: of its jti, which any text may be, or of itself. */
function tokenIdOf(token: string, { iss, jti }: JWTPayload): string {
  const hash = createHash("sha256").update(jti === undefined ? token : JSON.stringify([iss, jti]));
  return hash.digest("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
}

function refused(reason: string, cause?: unknown): RowhouseError {
  return new RowhouseError("UNAUTHENTICATED", `The access token ${reason}. Log in again.`, { cause });
}

function reasonOf(error: unknown, algorithms: readonly string[]): string {
  if (error instanceof errors.JWTExpired) return `has expired at ${new Date(error.payload.exp! * 1000).toISOString()}`;
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error;
    return reason === "missing" ? `has no claim ${claim}` : `has a claim ${claim} that is not accepted`;
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return `is not signed with ${algorithms.join(" or ")}`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return "has a wrong signature";
  if (error instanceof errors.JOSENotSupported) return "needs extensions that are not supported";
  return "cannot be read as a JSON Web Token";
}
