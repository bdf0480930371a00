import { createHmac, createSecretKey, type KeyObject, randomUUID } from "node:crypto";
import jwt, { type JwtPayload } from "jsonwebtoken";
import { z } from "zod";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import { tokenRoles, type Session } from "./session.ts";

/** Signs and verifies access tokens. */
export interface AccessTokens {
  /** A signed token for a session, and when it ends; it lives `minutes`, or as long as the settings say. */
  sign(session: Omit<Session, "expiresAt" | "tokenId">, minutes?: number): { token: string; expiresAt: Date };
  /** The session of a token; throws UNAUTHENTICATED, saying what is wrong with it. */
  verify(token: string): Session;
}

/** The longest life of an access token that is accepted, in minutes. */
export const tokenMinutesMax = 1440;

const clockSkewSeconds = 60;
const lengthMax = 4096;

const claimsSchema = z.object({
  sub: z.uuid().optional(),
  tenant_id: z.uuid().optional(),
  actor_id: z.uuid().optional(),
  sid: z.uuid().optional(),
  jti: z.uuid().optional(),
  role: z.enum(tokenRoles),
  iat: z.int(),
  exp: z.int(),
});

/** The name of a secret in the kid of what it signs; tells nothing of it. */
function keyIdOf(secret: string): string {
  return createHmac("sha256", secret).update("rowhouse token key").digest("hex").slice(0, 16);
}

/**
 * Access tokens signed with the secret of the settings, by HS256 and nothing else; those that a former secret signed are
 * good until they end.
 */
export function createAccessTokens(config: Config): AccessTokens {
  const keys = new Map<string, KeyObject>(
    [config.secret, ...(config.previousSecrets ?? [])].map((secret) => [
      keyIdOf(secret),
      createSecretKey(Buffer.from(secret, "utf8")),
    ]),
  );
  const [keyid, key] = keys.entries().next().value!;
  /** The key a token names, or the present one: whether it fits is told by the signature. */
  const keyOf = (token: string): KeyObject => keys.get(headerOf(token)?.kid ?? "") ?? key;
  const { jwtIssuer: issuer, jwtAudience: audience } = config;

  return {
    sign({ userId, tenantId, actorId, sessionId, role }, minutes = config.accessTokenMinutes) {
      const iat = Math.floor(Date.now() / 1000);
      const exp = iat + minutes * 60;
      const claims = {
        ...{ sub: userId, tenant_id: tenantId, actor_id: actorId, sid: sessionId, role },
        ...{ iat, exp, jti: randomUUID() },
      };
      const token = jwt.sign(JSON.parse(JSON.stringify(claims)) as object, key, {
        algorithm: "HS256",
        keyid,
        issuer,
        audience,
      });
      return { token, expiresAt: new Date(exp * 1000) };
    },

    verify(token) {
      if (token.length > lengthMax) throw refused(`is longer than ${lengthMax} characters`);
      let decoded: { header: jwt.JwtHeader; payload: JwtPayload | string };
      try {
        decoded = jwt.verify(token, keyOf(token), { algorithms: ["HS256"], issuer, audience, complete: true });
      } catch (error) {
        throw refused(reasonOf(error as Error), error);
      }
      if (decoded.header.typ?.toUpperCase() !== "JWT") throw refused("is no access token: its typ is not JWT");
      // The library ignores extensions that the issuer marked as critical.
      if ("crit" in decoded.header) throw refused("needs extensions that are not supported");
      return sessionOf(decoded.payload);
    },
  };
}

function headerOf(token: string): jwt.JwtHeader | undefined {
  try {
    return jwt.decode(token, { complete: true })?.header;
  } catch {
    return undefined;
  }
}

function sessionOf(payload: JwtPayload | string): Session {
  const parsed = claimsSchema.safeParse(payload);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw refused(`has a claim ${String(issue?.path[0] ?? "")} that is missing or not valid`);
  }
  const { sub, tenant_id, actor_id, sid, jti, role, iat, exp } = parsed.data;
  if (exp - iat > tokenMinutesMax * 60) throw refused(`is valid for more than ${tokenMinutesMax} minutes`);
  if (iat > Date.now() / 1000 + clockSkewSeconds) throw refused("was issued in the future");
  if ((tenant_id === undefined) !== (actor_id === undefined))
    throw refused("must name both a tenant and an actor, or neither");
  if (sub === undefined && actor_id === undefined) throw refused("names nobody");
  return {
    userId: sub?.toLowerCase(),
    tenantId: tenant_id?.toLowerCase(),
    actorId: actor_id?.toLowerCase(),
    sessionId: sid?.toLowerCase(),
    tokenId: jti?.toLowerCase(),
    role,
    expiresAt: exp,
  };
}

function refused(reason: string, cause?: unknown): RowhouseError {
  return new RowhouseError("UNAUTHENTICATED", `The access token ${reason}. Log in again.`, { cause });
}

function reasonOf(error: Error): string {
  if (error instanceof jwt.TokenExpiredError) return `has expired at ${error.expiredAt.toISOString()}`;
  if (error instanceof jwt.NotBeforeError) return `is not valid before ${error.date.toISOString()}`;
  if (error.message === "invalid signature")
    return "has a wrong signature: this server did not issue it, or it was changed";
  if (error.message === "invalid algorithm") return "is not signed with HS256";
  if (error.message === "jwt signature is required") return "is not signed";
  if (error.message.startsWith("jwt issuer invalid")) return "was issued by somebody else: its iss claim is not ours";
  if (error.message.startsWith("jwt audience invalid")) return "is meant for somebody else: its aud claim is not ours";
  return "cannot be read as a JSON Web Token";
}
