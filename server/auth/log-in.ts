import type { Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { verifyPassword } from "../../lib/password.ts";
import type { AccessTokens } from "./access-tokens.ts";
import { findLogin, type Identity, type IdentityMembership } from "./identity.ts";

/** What somebody logs in with. */
export interface Credentials {
  readonly email: string;
  readonly password: string;
  /** The tenant to work in; none makes a session that can only look at who it is. */
  readonly tenantSlug?: string | null;
}

/** A login that succeeded. */
export interface Login extends Identity {
  readonly accessToken: string;
  readonly expiresAt: Date;
  readonly membership: IdentityMembership | undefined;
}

/**
 * Checks a password and signs an access token. Throws UNAUTHENTICATED with one message whatever was wrong, after the
 * same work; FORBIDDEN only to somebody who knows the password.
 */
export async function logIn(pool: Pool, tokens: AccessTokens, credentials: Credentials): Promise<Login> {
  const { email, password, tenantSlug } = credentials;
  const found = email.includes("\0") ? undefined : await findLogin(pool, email);
  const isRight = await verifyPassword(found?.passwordHash, password);
  if (found === undefined || !isRight) {
    throw new RowhouseError("UNAUTHENTICATED", "The e-mail address or the password is wrong.");
  }
  const { user, memberships } = found.identity;
  const membership = tenantSlug == null ? undefined : membershipOf(memberships, tenantSlug);
  const { token, expiresAt } = tokens.sign({
    userId: user.rowId,
    tenantId: membership?.tenant.rowId,
    actorId: membership?.actorId,
    role: membership?.role ?? "viewer",
  });
  return { user, memberships, membership, accessToken: token, expiresAt };
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
