import { encodeTypeId } from "../../lib/type-id.ts";
import type { Identity, IdentityMembership, IdentityTenant } from "../auth/identity.ts";
import type { Login } from "../auth/log-in.ts";

/** A user as the API shows them. */
export const shownUser = (user: Identity["user"]) => ({ ...user, id: encodeTypeId("user", user.rowId) });

/** A tenant as the API shows it. */
export const shownTenant = (tenant: IdentityTenant) => ({ ...tenant, id: encodeTypeId("tenant", tenant.rowId) });

/** A membership as the API shows it. */
export const shownMembership = ({ role, tenant }: IdentityMembership) => ({ role, tenant: shownTenant(tenant) });

/** Somebody who has signed in, as the API shows them. */
export function shownLogin({ membership, user, memberships, refreshExpiresAt, ...login }: Login) {
  return {
    ...login,
    expiresAt: login.expiresAt.toISOString(),
    refreshExpiresAt: refreshExpiresAt?.toISOString(),
    user: shownUser(user),
    tenant: membership && shownTenant(membership.tenant),
    role: membership?.role,
    memberships: memberships.map(shownMembership),
  };
}
