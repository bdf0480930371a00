import { gql } from "postgraphile/utils";

/** What the API says about signing in and out. */
export const signInTypes = gql`
  extend type Mutation {
    """
    Checks a password and returns an access token. Wrong credentials are one and the same error, whatever was wrong.
    """
    login(input: LoginInput!): LoginPayload
    """
    Exchanges a refresh token for new tokens. Each refresh token works once; one that comes a second time ends its session.
    """
    refresh(input: RefreshInput!): LoginPayload
    """
    Signs in to another tenant of yours, in a session of its own.
    """
    switchTenant(input: SwitchTenantInput!): LoginPayload
    """
    Ends the session of this request: its tokens are refused from now on.
    """
    logout: LogoutPayload
    """
    Ends every session of yours, in all tenants.
    """
    logoutEverywhere: LogoutPayload
    """
    Changes your password, and ends every other session of yours.
    """
    changePassword(input: ChangePasswordInput!): LogoutPayload
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
    """
    Of the second factor, if the account has one: a code of the app, or a recovery code. Without it the error has details.reason "second_factor_required".
    """
    code: String
  }

  """
  What to exchange.
  """
  input RefreshInput {
    """
    The refresh token of the last login, refresh or switch.
    """
    refreshToken: String!
  }

  """
  Where to go.
  """
  input SwitchTenantInput {
    """
    A tenant you belong to.
    """
    tenantSlug: String!
  }

  """
  The password now, and the one to be.
  """
  input ChangePasswordInput {
    currentPassword: String!
    """
    At least 10 characters.
    """
    newPassword: String!
  }

  """
  Sessions that were ended.
  """
  type LogoutPayload {
    """
    How many there were.
    """
    endedCount: Int!
  }

  """
  Somebody is signed in.
  """
  type LoginPayload {
    """
    To be sent with each request as "Authorization: Bearer …".
    """
    accessToken: String!
    """
    When the access token ends. Refresh before that.
    """
    expiresAt: Datetime!
    """
    To be exchanged, once, for the next tokens by "refresh". None without a tenant.
    """
    refreshToken: String
    """
    When the refresh token ends.
    """
    refreshExpiresAt: Datetime
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
    The person; none when it is a program, or the system.
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
    To what an API key is limited further; null for everything that the role may do.
    """
    scopes: [String!]
    """
    When the access token or API key ends; null for a key that does not.
    """
    expiresAt: Datetime
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
