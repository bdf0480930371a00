import pg from "pg";
import { DEMO_TENANTS } from "./demo-tenants.ts";
import { domains } from "./generate/domains.ts";
import { continueTenantSeed } from "./generate/tenant-seed.ts";

/** How many contacts a demo tenant gets. */
const SIZE = 60;

/** Whether a demo tenant's tables are filled already: it has a blueprint. */
const HAS_DATA = "select from pipeline.blueprints where tenant_id = $1 limit 1";

/**
 * Gives each demo tenant rows in every table, if it has none yet: a little of everything to look at. The same rows each
 * time, beside what the demo list brings through the API. Needs a superuser, as all generated rows do; returns the slugs
 * of the tenants it filled.
 */
export async function fillDemoTenants(adminUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const filled: string[] = [];
    for (const [index, { slug }] of DEMO_TENANTS.entries()) {
      await client.query("begin");
      const tenant = await client.query<{ id: string }>(
        "select id from iam.tenants where slug = $1 and deleted_at is null for update",
        [slug],
      );
      const tenantId = tenant.rows[0]?.id;
      if (tenantId && !(await client.query(HAS_DATA, [tenantId])).rowCount) {
        await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
        const seed = await continueTenantSeed(client, { tenantId, slug, size: SIZE, number: index + 1 });
        for (const fill of domains) await fill(seed);
        filled.push(slug);
      }
      await client.query("commit");
    }
    return filled;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    await client.end();
  }
}
