import type { Client } from "pg";
import { SetupError } from "../../../lib/errors.ts";
import { hashPassword } from "../../../lib/password.ts";
import { DEMO_PASSWORD } from "../demo-tenants.ts";
import { domains } from "./domains.ts";
import { seedIam } from "./iam.ts";
import { contactsPerTenant, type SeedOptions } from "./options.ts";
import { createTenantSeed } from "./tenant-seed.ts";

/** What was written. */
export interface SeedResult {
  readonly tenantIds: readonly string[];
  readonly rows: number;
  readonly seconds: number;
}

/** Generates the tenants one after the other, each in a transaction of its own, as a superuser of the database. */
export async function generateTenants(
  client: Client,
  options: SeedOptions,
  report: (line: string) => void,
): Promise<SeedResult> {
  await refuseUnlessPossible(client, options);
  const began = performance.now();
  const passwordHash = await hashPassword(DEMO_PASSWORD);
  const sizes = contactsPerTenant(options);
  const tenantIds: string[] = [];
  let rows = 0;
  for (const [index, size] of sizes.entries()) {
    const seed = createTenantSeed(client, options, index, size);
    // Checks of foreign keys that were planned on empty tables would stay as they were planned.
    await client.query("discard plans");
    await client.query("begin");
    try {
      // Triggers act as the owner of their table, whom the wall binds: they need the tenant's claim.
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [seed.tenantId]);
      await seedIam(seed, passwordHash);
      for (const fill of domains) await fill(seed);
      await client.query("commit");
    } catch (error) {
      await client.query("rollback");
      throw error;
    }
    tenantIds.push(seed.tenantId);
    rows += [...seed.written.values()].reduce((sum, count) => sum + count, 0);
    if (size >= 10_000 || index === sizes.length - 1 || (index + 1) % 100 === 0) {
      const seconds = (performance.now() - began) / 1000;
      report(
        `${index + 1} of ${sizes.length} tenants, ${rows} rows, ${seconds.toFixed(1)} s (${seed.slug}: ${size} contacts)`,
      );
    }
  }
  await client.query("analyze");
  const seconds = (performance.now() - began) / 1000;
  report(
    `Wrote ${rows} rows in ${seconds.toFixed(1)} s. Sign in as owner0@${options.prefix}-1.example, ${DEMO_PASSWORD}.`,
  );
  return { tenantIds, rows, seconds };
}

async function refuseUnlessPossible(client: Client, { prefix }: SeedOptions): Promise<void> {
  const { rows } = await client.query<{ may: boolean; taken: string | null }>(
    `select (select rolsuper from pg_roles where rolname = current_user) as may,
       (select min(slug) from iam.tenants where slug ~ ('^' || $1 || '-[0-9]+$')) as taken`,
    [prefix],
  );
  if (!rows[0]!.may) {
    throw new SetupError(
      "Generated rows are written by COPY past row-level security: DATABASE_URL must be a superuser's.",
    );
  }
  if (rows[0]!.taken) {
    throw new SetupError(
      `The tenant ${rows[0]!.taken} exists already. Choose another --prefix, or begin anew with npm run db:reset.`,
    );
  }
}
