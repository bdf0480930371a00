import pg from "pg";
import { hashPassword } from "../../lib/password.ts";

/** The two demo tenants and who may sign in to them; the password of all is {@link DEMO_PASSWORD}. */
export const DEMO_TENANTS = [
  {
    name: "Acme",
    slug: "acme",
    users: [
      { email: "ada@acme.example", name: "Ada Admin", role: "admin" },
      { email: "max@acme.example", name: "Max Manager", role: "manager" },
      { email: "mia@acme.example", name: "Mia Member", role: "member" },
      { email: "vic@acme.example", name: "Vic Viewer", role: "viewer" },
    ],
  },
  {
    name: "Globex",
    slug: "globex",
    users: [
      { email: "gus@globex.example", name: "Gus Admin", role: "admin" },
      { email: "mel@globex.example", name: "Mel Member", role: "member" },
    ],
  },
] as const;

/** The password of the demo users: these tenants are for looking around, never for production. */
export const DEMO_PASSWORD = "rowhouse-demo";

/** Creates the demo tenants and users that are not there yet; returns the slugs of those it created. */
export async function createDemoTenants(adminUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const created: string[] = [];
    for (const tenant of DEMO_TENANTS) {
      const existing = await client.query("select from iam.tenants where slug = $1 and deleted_at is null", [
        tenant.slug,
      ]);
      if (existing.rowCount) continue;
      await client.query("begin");
      const { rows } = await client.query<{ id: string }>("select private.create_tenant($1, $2) as id", [
        tenant.name,
        tenant.slug,
      ]);
      for (const user of tenant.users)
        await client.query("select private.create_user($1, $2, $3, $4, $5)", [
          rows[0]!.id,
          user.email,
          user.name,
          user.role,
          await hashPassword(DEMO_PASSWORD),
        ]);
      await client.query("commit");
      created.push(tenant.slug);
    }
    return created;
  } finally {
    await client.end();
  }
}
