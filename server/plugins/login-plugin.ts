import { context, lambda, sideEffect } from "postgraphile/grafast";
import { extendSchema, gql } from "postgraphile/utils";
import { encodeTypeId } from "../../lib/type-id.ts";
import { RowhouseError } from "../../lib/errors.ts";
import { findTenant, findUser, type Identity, type IdentityMembership, type IdentityTenant } from "../auth/identity.ts";
import { logIn, type Credentials } from "../auth/log-in.ts";
import { currentSession } from "../http/request-scope.ts";
import type { Services } from "../services.ts";

const typeDefs = gql`
  extend type Mutation {
    """
    Checks a password and returns an access token. Wrong credentials are one and the same error, whatever was wrong.
    """
    login(input: LoginInput!): LoginPayload
  }

  extend type Query {
    """
    Who this request comes from.
    """
    me: Me
  }

  """
  What to log in with.
  """
  input LoginInput {
    email: String!
    password: String!
    """
    The tenant to work in. Without one, the token only tells who you are and which tenants you belong to.
    """
    tenantSlug: String
  }

  """
  A login that succeeded.
  """
  type LoginPayload {
    """
    To be sent with each request as "Authorization: Bearer …".
    """
    accessToken: String!
    """
    When the access token ends. Log in again before that.
    """
    expiresAt: Datetime!
    user: MyUser!
    """
    The tenant the token is for, if one was named.
    """
    tenant: MyTenant
    """
    What the token may do in the tenant.
    """
    role: MembershipRole
    """
    The tenants the user belongs to.
    """
    memberships: [MyMembership!]!
  }

  """
  Who is signed in, where, and as what.
  """
  type Me {
    """
    The person; none when the token is of a system actor.
    """
    user: MyUser
    """
    The tenant of the token, if any.
    """
    tenant: MyTenant
    """
    The id of the actor that changes are recorded for.
    """
    actorId: ID
    """
    What the token may do in the tenant.
    """
    role: MembershipRole
    """
    When the access token ends.
    """
    expiresAt: Datetime!
    """
    The tenants the user belongs to.
    """
    memberships: [MyMembership!]!
  }

  """
  A person who is signed in.
  """
  type MyUser {
    id: ID!
    rowId: UUID!
    email: String!
    name: String!
  }

  """
  A tenant that somebody who is signed in belongs to.
  """
  type MyTenant {
    id: ID!
    rowId: UUID!
    slug: String!
    name: String!
  }

  """
  That a user belongs to a tenant.
  """
  type MyMembership {
    tenant: MyTenant!
    role: MembershipRole!
  }
`;

const shownUser = (user: Identity["user"]) => ({ ...user, id: encodeTypeId("user", user.rowId) });
const shownTenant = (tenant: IdentityTenant) => ({ ...tenant, id: encodeTypeId("tenant", tenant.rowId) });
const shownMembership = ({ role, tenant }: IdentityMembership) => ({ role, tenant: shownTenant(tenant) });

async function logInFor([services, input]: readonly [Services, Credentials]) {
  const { membership, user, memberships, ...login } = await logIn(services.pool, services.tokens, input);
  return {
    ...login,
    expiresAt: login.expiresAt.toISOString(),
    user: shownUser(user),
    tenant: membership && shownTenant(membership.tenant),
    role: membership?.role,
    memberships: memberships.map(shownMembership),
  };
}

async function readSession(services: Services) {
  const { userId, tenantId, actorId, role, expiresAt } = currentSession();
  if (expiresAt === undefined) throw new RowhouseError("UNAUTHENTICATED", "Nobody is signed in. Log in first.");
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
    expiresAt: new Date(expiresAt * 1000).toISOString(),
    memberships: identity?.memberships.map(shownMembership) ?? [],
  };
}

/** The mutation `login` and the query `me`. */
export const LoginPlugin: GraphileConfig.Plugin = extendSchema({
  typeDefs,
  objects: {
    Mutation: {
      plans: {
        login: (_: unknown, { $input }: any) => sideEffect([context().get("services"), $input] as any, logInFor as any),
      },
    },
    Query: {
      plans: {
        me: () => lambda(context().get("services") as any, readSession as any),
      },
    },
  },
} as any);
