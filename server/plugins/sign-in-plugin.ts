import { context, lambda } from "postgraphile/grafast";
import { extendSchema } from "postgraphile/utils";
import { RowhouseError } from "../../lib/errors.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import { changePassword } from "../auth/change-password.ts";
import { findTenant, findUser } from "../auth/identity.ts";
import { logIn, refreshLogin, switchTenant } from "../auth/log-in.ts";
import { endSessions, revokeToken } from "../auth/sessions.ts";
import { currentSession } from "../http/request-scope.ts";
import type { Services } from "../services.ts";
import { client, ending, type Mutations, mutationPlans, signedIn, signedInUser } from "./service-mutations.ts";
import { shownLogin, shownMembership, shownTenant, shownUser } from "./shown-login.ts";
import { signInTypes } from "./sign-in-types.ts";

function endOwn(services: Services): Promise<{ endedCount: number }> {
  const { userId, sessionId, tokenId, expiresAt, apiKeyId } = signedIn();
  if (apiKeyId !== undefined) {
    throw new RowhouseError("FORBIDDEN", "An API key has no session to end. Revoke the key instead: revokeApiKey.");
  }
  return ending(services, async () => {
    if (userId !== undefined && sessionId !== undefined) return endSessions(services.pool, userId, sessionId, "logout");
    if (tokenId !== undefined && expiresAt !== undefined)
      await revokeToken(services.pool, tokenId, new Date(expiresAt * 1000));
    return 0;
  });
}

async function readSession(services: Services) {
  const { userId, tenantId, actorId, role, scopes, expiresAt } = signedIn();
  const identity = userId === undefined ? undefined : await findUser(services.pool, userId);
  if (userId !== undefined && identity === undefined) {
    throw new RowhouseError("UNAUTHENTICATED", "The user of this token is gone. Log in as somebody else.");
  }
  const tenant = tenantId === undefined ? undefined : await findTenant(services.pool, tenantId);
  return {
    user: identity && shownUser(identity.user),
    tenant: tenant && shownTenant(tenant),
    actorId: actorId && encodeTypeId("actor", actorId),
    role: tenantId === undefined ? undefined : role,
    scopes,
    expiresAt: expiresAt && new Date(expiresAt * 1000).toISOString(),
    memberships: identity?.memberships.map(shownMembership) ?? [],
  };
}

const mutations = {
  login: async (services, input) => shownLogin(await logIn(services, input, client())),
  refresh: async (services, { refreshToken }) => {
    const login = await refreshLogin(services, refreshToken).finally(() => services.revocations.refresh());
    return shownLogin(login);
  },
  switchTenant: async (services, { tenantSlug }) =>
    shownLogin(await switchTenant(services, signedInUser(), tenantSlug, client())),
  logout: endOwn,
  logoutEverywhere: (services) =>
    ending(services, () => endSessions(services.pool, signedInUser(), undefined, "logout")),
  changePassword: (services, input) =>
    ending(services, () => changePassword(services.pool, signedInUser(), currentSession().sessionId, input)),
} satisfies Mutations;

/** The mutations by which people sign in and out, and the query `me`. */
export const SignInPlugin: GraphileConfig.Plugin = extendSchema({
  typeDefs: signInTypes,
  objects: {
    Mutation: { plans: mutationPlans(mutations) },
    Query: {
      plans: {
        me: () => lambda(context().get("services") as any, readSession as any),
      },
    },
  },
} as any);
