import type { Client } from "pg";
import { copyRows, type SeedRow } from "./copy-rows.ts";
import type { SeedOptions } from "./options.ts";
import { createRandom, type Random } from "./random.ts";

/** One tenant as it is being generated: what its later tables refer to. */
export interface TenantSeed {
  readonly client: Client;
  readonly random: Random;
  readonly slug: string;
  readonly tenantId: string;
  /** How many contacts it gets. */
  readonly size: number;
  /** When the tenant began, and the last moment at which something happened in it. */
  readonly since: Date;
  readonly until: Date;
  /** Its people: actor and user ids; the first is the owner. */
  readonly people: { readonly actorId: string; readonly userId: string; readonly membershipId: string }[];
  /** Rows written so far, by table. */
  readonly written: Map<string, number>;
  /** Ids that later tables refer to, by table. */
  readonly ids: Map<string, string[]>;
  /** Writes rows of this tenant; those with an `id` are remembered under the table's name if asked. */
  copy(table: string, rows: Iterable<SeedRow>, options?: { remember?: boolean }): Promise<void>;
}

const twoYears = 2 * 365 * 86_400_000;

/** The frame of generated tenant number `index`, with random numbers of its own, so that one tenant does not depend on the others. */
export function createTenantSeed(client: Client, options: SeedOptions, index: number, size: number): TenantSeed {
  const random = createRandom(options.seed * 100_003 + index);
  const since = new Date(options.until.getTime() - twoYears);
  const frame = { slug: `${options.prefix}-${index + 1}`, tenantId: random.id(since), size, people: [] };
  return createSeed(client, random, since, options.until, frame);
}

/** The frame of a tenant that exists, with its members; what is written into it ends now. */
export async function continueTenantSeed(
  client: Client,
  tenant: { tenantId: string; slug: string; size: number; number: number },
): Promise<TenantSeed> {
  const { rows } = await client.query<TenantSeed["people"][number]>(
    `select a.id as "actorId", m.user_id as "userId", m.id as "membershipId" from iam.memberships m
     join iam.actors a on a.tenant_id = m.tenant_id and a.membership_id = m.id
     where m.tenant_id = $1 and m.deleted_at is null order by m.created_at, m.id`,
    [tenant.tenantId],
  );
  const until = new Date();
  until.setUTCHours(0, 0, 0, 0);
  const since = new Date(until.getTime() - twoYears);
  return createSeed(client, createRandom(tenant.number), since, until, { ...tenant, people: rows });
}

function createSeed(
  client: Client,
  random: Random,
  since: Date,
  until: Date,
  frame: Pick<TenantSeed, "slug" | "tenantId" | "size" | "people">,
): TenantSeed {
  const written = new Map<string, number>();
  const ids = new Map<string, string[]>();
  return {
    ...frame,
    client,
    random,
    since,
    until,
    written,
    ids,
    copy: async (table, rows, { remember = false } = {}) => {
      const own: string[] = remember ? (ids.get(table) ?? []) : [];
      if (remember) ids.set(table, own);
      const count = await copyRows(client, table, withTenant(rows, frame.tenantId, remember ? own : undefined));
      written.set(table, (written.get(table) ?? 0) + count);
      // Checks of references that are planned while a large table has no figures yet choose a wrong index, and keep to it.
      if (remember && count >= 5_000) await client.query(`analyze ${table}; discard plans`);
    },
  };
}

function* withTenant(rows: Iterable<SeedRow>, tenantId: string, remembered?: string[]): Generator<SeedRow> {
  for (const row of rows) {
    remembered?.push(row["id"] as string);
    yield { tenant_id: tenantId, ...row };
  }
}
