import type { TenantSeed } from "./tenant-seed.ts";

const roles = ["owner", "admin", "manager", "member", "member", "viewer"] as const;

/** The tenant, its people (the password hash is the same for all), and its system actor. */
export async function seedIam(seed: TenantSeed, passwordHash: string): Promise<void> {
  const { client, random, slug, tenantId, since, people } = seed;
  const { faker } = random;
  await client.query(
    "insert into iam.tenants (id, name, slug, plan, time_zone, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $6)",
    [
      tenantId,
      faker.company.name(),
      slug,
      random.one(["free", "team", "business"]),
      random.one(["America/New_York", "Europe/Paris", "Asia/Kolkata", "UTC"]),
      since,
    ],
  );
  for (const [i, role] of roles.entries()) {
    const name = faker.person.fullName();
    const userId = random.id(since);
    const membershipId = random.id(since);
    const actorId = random.id(since);
    const email = `${role}${i}@${slug}.example`;
    await client.query("insert into iam.users (id, email, name) values ($1, $2, $3)", [userId, email, name]);
    await client.query("insert into private.user_credentials (user_id, password_hash) values ($1, $2)", [
      userId,
      passwordHash,
    ]);
    await client.query("insert into iam.memberships (tenant_id, id, user_id, role) values ($1, $2, $3, $4)", [
      tenantId,
      membershipId,
      userId,
      role,
    ]);
    await client.query(
      "insert into iam.actors (tenant_id, id, kind, membership_id, label) values ($1, $2, 'user', $3, $4)",
      [tenantId, actorId, membershipId, name],
    );
    people.push({ actorId, userId, membershipId });
  }
  await client.query("insert into iam.actors (tenant_id, id, kind, label) values ($1, $2, 'system', 'Rowhouse')", [
    tenantId,
    random.id(since),
  ]);
}
