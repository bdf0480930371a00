/** The roles a token may carry, from least to most; each may do what the ones before it may. */
export const tokenRoles = ["viewer", "member", "manager", "admin", "owner"] as const;

/** What a user may do in a tenant. */
export type TokenRole = (typeof tokenRoles)[number];

/** Who sends a request: nobody, a user who has not chosen a tenant, or an actor inside one tenant. */
export interface Session {
  readonly userId?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly actorId?: string | undefined;
  /** Undefined when nobody is signed in. */
  readonly role?: TokenRole | undefined;
  /** The session whose refresh token this access token came with, if it has one. */
  readonly sessionId?: string | undefined;
  /** The access token's own id. */
  readonly tokenId?: string | undefined;
  /** The API key that the request was signed in with, if it was one. */
  readonly apiKeyId?: string | undefined;
  /** To which parts of the data an API key is limited; undefined for everything that the role may do. */
  readonly scopes?: readonly string[] | undefined;
  /** Whether e-mail addresses and phone numbers are masked for it: a viewer of a tenant that wants it so. */
  readonly isMasked?: boolean | undefined;
  /** When the token or key ends, in seconds since 1970; an API key need not end. */
  readonly expiresAt?: number | undefined;
}

/** A request without a token. */
export const anonymous: Session = Object.freeze({});

/** Database role of each token role: constants, so that no claim ever becomes the name of a role. */
const databaseRoles: Readonly<Record<TokenRole, string>> = {
  viewer: "rowhouse_viewer",
  member: "rowhouse_member",
  manager: "rowhouse_manager",
  admin: "rowhouse_admin",
  owner: "rowhouse_admin",
};

/** The role of viewers who see contact data masked; it may not read a column that holds any. */
const maskedRole = "rowhouse_viewer_masked";

/** Whether a database role is that of masked viewers. */
export const isMaskedRole = (role: string | undefined): boolean =>
  role === maskedRole || role === `${maskedRole}_scoped`;

/** The database role that a session acts as; one that is limited to scopes has the policies of rowhouse_scoped, too. */
export function databaseRole(session: Session): string {
  if (session.role === undefined) return "rowhouse_anonymous";
  const plain = session.tenantId === undefined ? "rowhouse_viewer" : databaseRoles[session.role];
  const role = session.isMasked ? maskedRole : plain;
  return session.scopes === undefined ? role : `${role}_scoped`;
}

/** From which request a transaction comes, for the audit log. */
export interface RequestOrigin {
  readonly requestId?: string | undefined;
  readonly ipAddress?: string | undefined;
}

/** The settings of each transaction of a session; every key is always present, so nothing is left to the connection. */
export function pgSettings(session: Session, { requestId, ipAddress }: RequestOrigin = {}): Record<string, string> {
  return {
    role: databaseRole(session),
    "jwt.claims.sub": session.userId ?? "",
    "jwt.claims.tenant_id": session.tenantId ?? "",
    "jwt.claims.actor_id": session.actorId ?? "",
    "jwt.claims.role": session.role ?? "",
    "jwt.claims.scopes": session.scopes?.join(" ") ?? "",
    "rowhouse.request_id": requestId ?? "",
    "rowhouse.ip": ipAddress ?? "",
  };
}
