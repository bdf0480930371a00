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

/** The frame of tenant number `index`, with random numbers of its own, so that one tenant does not depend on the others. */
export function createTenantSeed(client: Client, options: SeedOptions, index: number, size: number): TenantSeed {
  const random = createRandom(options.seed * 100_003 + index);
  const since = new Date(options.until.getTime() - twoYears);
  const written = new Map<string, number>();
  const ids = new Map<string, string[]>();
  const tenantId = random.id(since);
  return {
    client,
    random,
    slug: `${options.prefix}-${index + 1}`,
    tenantId,
    size,
    since,
    until: options.until,
    people: [],
    written,
    ids,
    copy: async (table, rows, { remember = false } = {}) => {
      const own: string[] = remember ? (ids.get(table) ?? []) : [];
      if (remember) ids.set(table, own);
      const count = await copyRows(client, table, withTenant(rows, tenantId, remember ? own : undefined));
      written.set(table, (written.get(table) ?? 0) + count);
    },
  };
}

function* withTenant(rows: Iterable<SeedRow>, tenantId: string, remembered?: string[]): Generator<SeedRow> {
  for (const row of rows) {
    remembered?.push(row["id"] as string);
    yield { tenant_id: tenantId, ...row };
  }
}
