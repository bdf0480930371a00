import type { Pool } from "pg";
import { inTenantTransaction, withTransaction } from "../../lib/tenant-transaction.ts";
import type { TokenRole } from "./session.ts";

/** A person, whichever tenants they belong to. */
export interface IdentityUser {
  readonly rowId: string;
  readonly email: string;
  readonly name: string;
}

/** A tenant, as those who belong to it see it. */
export interface IdentityTenant {
  readonly rowId: string;
  readonly slug: string;
  readonly name: string;
  readonly status: string;
}

/** A tenant that a user belongs to, and as what. */
export interface IdentityMembership {
  readonly role: TokenRole;
  readonly actorId: string;
  readonly tenant: IdentityTenant;
}

/** A user with the tenants they belong to. */
export interface Identity {
  readonly user: IdentityUser;
  readonly memberships: readonly IdentityMembership[];
}

/** Someone who may act in a tenant. */
export interface TenantActor {
  readonly tenant_id: string;
  readonly actor_id: string;
  readonly kind: "user" | "system";
  readonly user_id: string | null;
  readonly user_email: string | null;
  readonly role: TokenRole | null;
}

/** The member whom a token of another issuer is about, with when the tenant and the membership were changed last. */
export interface ForeignMember {
  readonly tenant_id: string;
  readonly tenant_slug: string;
  readonly tenant_status: string;
  readonly user_id: string;
  readonly actor_id: string;
  readonly membership_id: string;
  readonly role: TokenRole;
  readonly tenant_version: string;
  readonly membership_version: string;
}

interface IdentityRow {
  readonly user_id: string;
  readonly user_email?: string;
  readonly user_name: string;
  readonly password_hash?: string;
  readonly tenant_id: string | null;
  readonly tenant_slug: string;
  readonly tenant_name: string;
  readonly tenant_status: string;
  readonly actor_id: string;
  readonly role: TokenRole;
}

/** The user with an e-mail address and the hash of their password; undefined when there is none. */
export async function findLogin(
  pool: Pool,
  email: string,
): Promise<{ identity: Identity; passwordHash: string } | undefined> {
  const rows = await lookUp<IdentityRow>(pool, "select * from private.find_login($1)", email);
  const passwordHash = rows[0]?.password_hash;
  if (passwordHash === undefined) return undefined;
  return { identity: identityOf(rows, email.trim().toLowerCase()), passwordHash };
}

/** The user of a verified token; undefined when they are gone. */
export async function findUser(pool: Pool, userId: string): Promise<Identity | undefined> {
  const rows = await lookUp<IdentityRow>(pool, "select * from private.find_user($1)", userId);
  return rows[0] && identityOf(rows, rows[0].user_email ?? "");
}

/** The tenant of a verified token; undefined when it is gone. */
export async function findTenant(pool: Pool, tenantId: string): Promise<IdentityTenant | undefined> {
  const sql = `select id as "rowId", slug, name, status from iam.tenants where deleted_at is null`;
  return inTenantTransaction(pool, { tenantId }, async (client) => (await client.query<IdentityTenant>(sql)).rows[0]);
}

/** Who may act in the tenant with a slug; nobody when there is no such tenant. */
export async function findTenantActors(pool: Pool, slug: string): Promise<TenantActor[]> {
  return lookUp<TenantActor>(pool, "select * from private.find_tenant_actors($1)", slug);
}

/** The member of a tenant (its slug or id) with a user id, or else with an e-mail address. */
export async function findForeignMember(
  pool: Pool,
  tenant: string,
  userId: string | undefined,
  email: string | undefined,
): Promise<ForeignMember | undefined> {
  const sql = "select * from private.find_foreign_member($1, $2, $3)";
  const rows = await lookUp<ForeignMember>(pool, sql, tenant, userId ?? null, email ?? null);
  return rows[0];
}

/** Asks, as rowhouse_identity, one of the functions that look across tenants. */
async function lookUp<R extends object>(pool: Pool, sql: string, ...values: (string | null)[]): Promise<R[]> {
  const begin = "begin read only; select set_config('role', 'rowhouse_identity', true)";
  return withTransaction(pool, begin, async (client) => (await client.query<R>(sql, values)).rows);
}

function identityOf(rows: readonly IdentityRow[], email: string): Identity {
  const [{ user_id, user_name }] = rows as [IdentityRow];
  const memberships = rows
    .filter((row) => row.tenant_id !== null)
    .map((row) => ({
      role: row.role,
      actorId: row.actor_id,
      tenant: {
        rowId: row.tenant_id!,
        slug: row.tenant_slug,
        name: row.tenant_name,
        status: row.tenant_status,
      },
    }));
  return { user: { rowId: user_id, email, name: user_name }, memberships };
}
