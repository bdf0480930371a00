import { context, lambda, sideEffect } from "postgraphile/grafast";
import { extendSchema } from "postgraphile/utils";
import { RowhouseError } from "../../lib/errors.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import { changePassword } from "../auth/change-password.ts";
import { findTenant, findUser, type Identity, type IdentityMembership, type IdentityTenant } from "../auth/identity.ts";
import { type Credentials, type Login, logIn, refreshLogin, switchTenant } from "../auth/log-in.ts";
import type { Session } from "../auth/session.ts";
import { type ClientInfo, endSessions, revokeToken } from "../auth/sessions.ts";
import { currentRequest, currentSession } from "../http/request-scope.ts";
import type { Services } from "../services.ts";
import { signInTypes } from "./sign-in-types.ts";

const shownUser = (user: Identity["user"]) => ({ ...user, id: encodeTypeId("user", user.rowId) });
const shownTenant = (tenant: IdentityTenant) => ({ ...tenant, id: encodeTypeId("tenant", tenant.rowId) });
const shownMembership = ({ role, tenant }: IdentityMembership) => ({ role, tenant: shownTenant(tenant) });

const client = (): ClientInfo => currentRequest()?.client ?? {};

function shownLogin({ membership, user, memberships, refreshExpiresAt, ...login }: Login) {
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

function signedIn(): Session {
  const session = currentSession();
  if (session.role === undefined) throw new RowhouseError("UNAUTHENTICATED", "Nobody is signed in. Log in first.");
  return session;
}

/** The person of this request; programs and the system are none. */
function signedInUser(): string {
  const { userId } = signedIn();
  if (userId === undefined) throw new RowhouseError("FORBIDDEN", "Only a person can do this. Log in as a user.");
  return userId;
}

/** Ends sessions, and sees to it that this process knows at once. */
async function ending(services: Services, work: () => Promise<number>): Promise<{ endedCount: number }> {
  const endedCount = await work();
  await services.revocations.refresh();
  return { endedCount };
}

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

type Resolve<I> = (services: Services, input: I) => Promise<unknown>;

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
} satisfies Record<string, Resolve<any>> as Record<string, Resolve<Credentials>>;

/** The mutations by which people sign in and out, and the query `me`. */
export const SignInPlugin: GraphileConfig.Plugin = extendSchema({
  typeDefs: signInTypes,
  objects: {
    Mutation: {
      plans: Object.fromEntries(
        Object.entries(mutations).map(([name, resolve]) => [
          name,
          (_: unknown, { $input }: any) =>
            sideEffect($input ? [context().get("services"), $input] : ([context().get("services")] as any), ((
              given: [Services, Credentials],
            ) => resolve(...given)) as any),
        ]),
      ),
    },
    Query: {
      plans: {
        me: () => lambda(context().get("services") as any, readSession as any),
      },
    },
  },
} as any);
