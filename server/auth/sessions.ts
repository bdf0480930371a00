import { createHash, randomBytes } from "node:crypto";
import type { Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { withTransaction } from "../../lib/tenant-transaction.ts";

/** Where a request comes from, as far as it says. */
export interface ClientInfo {
  readonly ipAddress?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** A refresh token, and when it ends. Only its hash is kept. */
export interface RefreshToken {
  readonly refreshToken: string;
  readonly refreshExpiresAt: Date;
}

/** A session after its refresh token was exchanged. */
export interface ExchangedSession extends RefreshToken {
  readonly sessionId: string;
  readonly tenantId: string;
  readonly userId: string;
}

const prefix = "rhr_";
const format = /^rhr_[A-Za-z0-9_-]{43}$/;
const hashOf = (token: string) => createHash("sha256").update(token).digest("hex");

/** Opens a session of a user in a tenant. */
export async function openSession(
  pool: Pool,
  { tenantId, userId, client }: { tenantId: string; userId: string; client: ClientInfo },
  days: number,
): Promise<RefreshToken & { sessionId: string }> {
  const token = newToken(days);
  const sessionId = await ask<string>(pool, "select private.open_session($1, $2, $3, $4, $5, $6) as value", [
    tenantId,
    userId,
    hashOf(token.refreshToken),
    token.refreshExpiresAt,
    client.userAgent ?? null,
    client.ipAddress ?? null,
  ]);
  return { ...token, sessionId };
}

/**
 * Exchanges a refresh token for the next one. Throws UNAUTHENTICATED with one message for a token that is unknown,
 * expired or of an ended session; one that was exchanged before also ends its session.
 */
export async function exchangeRefreshToken(pool: Pool, token: string, days: number): Promise<ExchangedSession> {
  const next = newToken(days);
  const row = format.test(token)
    ? await withTransaction(pool, begin, async (client) => {
        const { rows } = await client.query<{
          outcome: string;
          session_id: string;
          tenant_id: string;
          user_id: string;
        }>("select * from private.exchange_session_token($1, $2, $3)", [
          hashOf(token),
          hashOf(next.refreshToken),
          next.refreshExpiresAt,
        ]);
        return rows[0]!;
      })
    : undefined;
  if (row?.outcome !== "exchanged") {
    throw new RowhouseError("UNAUTHENTICATED", "The refresh token is not valid any more. Log in again.");
  }
  return { ...next, sessionId: row.session_id, tenantId: row.tenant_id, userId: row.user_id };
}

/** Ends one session of a user, or all of them; returns how many were open. */
export async function endSessions(
  pool: Pool,
  userId: string,
  sessionId: string | undefined,
  reason: "logout" | "password_changed" | "membership_ended",
): Promise<number> {
  return ask<number>(pool, "select private.end_sessions($1, $2, $3) as value", [userId, sessionId ?? null, reason]);
}

/** Takes back an access token that belongs to no session. */
export async function revokeToken(pool: Pool, tokenId: string, expiresAt: Date): Promise<void> {
  await ask(pool, "select private.revoke_token($1, $2) as value", [tokenId, expiresAt]);
}

const begin = "begin; select set_config('role', 'rowhouse_identity', true)";

async function ask<T>(pool: Pool, sql: string, values: unknown[]): Promise<T> {
  return withTransaction(pool, begin, async (client) => (await client.query<{ value: T }>(sql, values)).rows[0]!.value);
}

function newToken(days: number): RefreshToken {
  return {
    refreshToken: prefix + randomBytes(32).toString("base64url"),
    refreshExpiresAt: new Date(Date.now() + days * 86_400_000),
  };
}
