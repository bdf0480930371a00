import type { ClientBase } from "pg";
import { connectAdmin } from "../../lib/admin-connection.ts";
import type { Command } from "./command.ts";
import { compareCounter, findCounters, mendCounter, type Counter, type CounterDifference } from "./compare-counters.ts";

/** How many differences of a counter are named for each tenant. */
const namedMax = 50;

/** Counts everything that is kept as a count anew and names what differs; exit code 1 when something does. */
export const counters: Command = {
  sentence: "counts every kept count anew, names what differs (exit code 1); -- --fix mends it",
  run: async ({ database, args, print }) => {
    const unknown = args.find((arg) => arg !== "--fix");
    if (unknown !== undefined) {
      print(`There is no option ${unknown}. To mend what differs: npm run db:counters -- --fix`);
      return 64;
    }
    const mends = args.includes("--fix");
    const client = await connectAdmin(database.urls.admin);
    try {
      const all = await findCounters(client);
      const tenants = (await client.query<Tenant>("select id, slug from iam.tenants order by id")).rows;
      let count = 0;
      for (const tenant of tenants)
        for (const counter of all) {
          const found = await inTenant(client, tenant.id, () => check(client, counter, mends));
          count += found.length;
          report(tenant, found, print);
        }
      const columns = all.reduce((sum, counter) => sum + counter.columns.length, 0);
      if (count === 0) print(`${columns} counters of ${tenants.length} tenants are right.`);
      else
        print(
          mends
            ? `${count} differences, all mended.`
            : `${count} differences. To mend them: npm run db:counters -- --fix`,
        );
      return count === 0 || mends ? 0 : 1;
    } finally {
      await client.end();
    }
  },
};

interface Tenant {
  readonly id: string;
  readonly slug: string;
}

async function check(client: ClientBase, counter: Counter, mends: boolean): Promise<CounterDifference[]> {
  const found = await compareCounter(client, counter);
  if (mends && found.length > 0) await mendCounter(client, counter);
  return found;
}

function report({ slug }: Tenant, found: readonly CounterDifference[], print: (line: string) => void): void {
  for (const { counter, row, column, stored, actual } of found.slice(0, namedMax)) {
    const key = Object.entries(row).map(([name, value]) => `${name} ${String(value)}`);
    print(`${counter.table}.${column} of tenant ${slug}: ${key.join(", ")}: stored ${stored}, actual ${actual}`);
  }
  if (found.length > namedMax)
    print(`… and ${found.length - namedMax} more of ${found[0]!.counter.table} of tenant ${slug}`);
}

/** Acts as the owner within one tenant; role and claim end with the transaction. */
async function inTenant<T>(client: ClientBase, tenantId: string, work: () => Promise<T>): Promise<T> {
  await client.query("begin");
  try {
    await client.query(
      "select set_config('role', 'rowhouse_owner', true), set_config('jwt.claims.tenant_id', $1, true)",
      [tenantId],
    );
    const result = await work();
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}
