import { createHash } from "node:crypto";
import type { TenantSeed } from "./tenant-seed.ts";

/** Keys, sessions and invitations that look real, and open nothing: nobody has the words behind their hashes. */
export async function seedAccess({ random, since, until, people, copy, slug }: TenantSeed): Promise<void> {
  const later = new Date(until.getTime() + 365 * 86_400_000);
  await copy("iam.api_keys", [
    {
      id: random.id(since),
      name: "Demo integration",
      prefix: `rh_${createHash("sha256").update(slug).digest("hex").slice(0, 8)}`,
      role: "member",
      created_by: people[0]!.actorId,
      expires_at: later,
      created_at: since,
    },
  ]);
  await copy(
    "iam.sessions",
    people.map(({ userId }) => ({
      id: random.id(until),
      user_id: userId,
      user_agent: "Demo browser",
      last_used_at: until,
      expires_at: later,
      created_at: since,
    })),
  );
  await copy("iam.invitations", [
    {
      id: random.id(until),
      email: `newcomer@${slug}.example`,
      role: "viewer",
      expires_at: later,
      created_by: people[0]!.actorId,
      created_at: until,
    },
  ]);
}
