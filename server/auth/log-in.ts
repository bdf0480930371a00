import type { Pool } from "pg";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import type { AccessTokens } from "./access-tokens.ts";
import { checkCredentials, type Proof } from "./check-credentials.ts";
import { findUser, type Identity, type IdentityMembership } from "./identity.ts";
import { type ClientInfo, endSessions, exchangeRefreshToken, openSession, type RefreshToken } from "./sessions.ts";

/** What somebody logs in with. */
export interface Credentials extends Proof {
  /** The tenant to work in; none makes a token that can only look at who it is, and no session. */
  readonly tenantSlug?: string | null;
}

/** What signing in needs. */
export interface LoginContext {
  readonly config: Config;
  readonly pool: Pool;
  readonly tokens: AccessTokens;
  readonly refreshTokenDays: number;
}

/** Somebody is signed in: an access token, and in a tenant also the refresh token of a session. */
export interface Login extends Identity, Partial<RefreshToken> {
  readonly accessToken: string;
  readonly expiresAt: Date;
  readonly membership: IdentityMembership | undefined;
}

/**
 * Checks a password and signs somebody in. Throws UNAUTHENTICATED with one message whatever was wrong, after the same
 * work; FORBIDDEN only to somebody who knows the password; LIMIT_EXCEEDED after too many failures.
 */
export async function logIn(context: LoginContext, credentials: Credentials, client: ClientInfo): Promise<Login> {
  const identity = await checkCredentials(context, credentials, client);
  const { tenantSlug } = credentials;
  const membership = tenantSlug == null ? undefined : membershipOf(identity.memberships, tenantSlug);
  return signIn(context, identity, membership, client);
}

/** Signs a user who has shown who they are in to one of their tenants, in a session of its own. */
export async function switchTenant(
  context: LoginContext,
  userId: string,
  tenantSlug: string,
  client: ClientInfo,
): Promise<Login> {
  const identity = await findUser(context.pool, userId);
  if (identity === undefined) throw new RowhouseError("UNAUTHENTICATED", "The user of this token is gone.");
  return signIn(context, identity, membershipOf(identity.memberships, tenantSlug), client);
}

/**
 * Exchanges a refresh token for new tokens, with the role that the user has now. Throws UNAUTHENTICATED when the token
 * is not good any more, or the user does not belong to the tenant any more, which ends the session.
 */
export async function refreshLogin(context: LoginContext, refreshToken: string): Promise<Login> {
  const session = await exchangeRefreshToken(context.pool, refreshToken, context.refreshTokenDays);
  const identity = await findUser(context.pool, session.userId);
  const membership = identity?.memberships.find(({ tenant }) => tenant.rowId === session.tenantId);
  if (identity === undefined || membership?.tenant.status !== "active") {
    await endSessions(context.pool, session.userId, session.sessionId, "membership_ended");
    throw new RowhouseError("UNAUTHENTICATED", "You do not belong to this tenant any more. Log in again.");
  }
  return grant(context, identity, membership, session);
}

async function signIn(
  context: LoginContext,
  identity: Identity,
  membership: IdentityMembership | undefined,
  client: ClientInfo,
): Promise<Login> {
  if (membership === undefined) return grant(context, identity, undefined);
  const whom = { tenantId: membership.tenant.rowId, userId: identity.user.rowId, client };
  return grant(context, identity, membership, await openSession(context.pool, whom, context.refreshTokenDays));
}

function grant(
  { tokens }: LoginContext,
  { user, memberships }: Identity,
  membership: IdentityMembership | undefined,
  session?: RefreshToken & { readonly sessionId: string },
): Login {
  const { token, expiresAt } = tokens.sign({
    userId: user.rowId,
    tenantId: membership?.tenant.rowId,
    actorId: membership?.actorId,
    sessionId: session?.sessionId,
    role: membership?.role ?? "viewer",
  });
  const { refreshToken, refreshExpiresAt } = session ?? {};
  return { user, memberships, membership, accessToken: token, expiresAt, refreshToken, refreshExpiresAt } as Login;
}

function membershipOf(memberships: readonly IdentityMembership[], slug: string): IdentityMembership {
  const membership = memberships.find(({ tenant }) => tenant.slug === slug);
  if (membership === undefined) {
    const own = memberships.map(({ tenant }) => tenant.slug).join(", ") || "none";
    throw new RowhouseError("FORBIDDEN", `You are not a member of tenant "${slug}". Your tenants: ${own}.`, {
      field: "tenantSlug",
    });
  }
  if (membership.tenant.status !== "active") {
    const { status } = membership.tenant;
    throw new RowhouseError("FORBIDDEN", `Tenant "${slug}" is ${status}. Ask its owner or choose another tenant.`, {
      field: "tenantSlug",
    });
  }
  return membership;
}
