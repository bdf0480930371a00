/** Measures how long tenants keep the database busy. */
export interface DatabaseMeter {
  /** Runs something that keeps a connection busy, on a tenant's account; nobody's when there is none. */
  measure<T>(tenantId: string | undefined, work: () => Promise<T>): Promise<T>;
  /** Charges what is still going on for the time since it was last charged. */
  charge(): void;
}

/** A meter that tells what it measures, in milliseconds. */
export function createDatabaseMeter(
  spend: (tenantId: string, ms: number) => void,
  now: () => number = () => performance.now(),
): DatabaseMeter {
  const going = new Set<{ readonly tenantId: string; since: number }>();
  const chargeOne = (each: { readonly tenantId: string; since: number }) => {
    const until = now();
    spend(each.tenantId, until - each.since);
    each.since = until;
  };
  return {
    async measure(tenantId, work) {
      if (!tenantId) return work();
      const each = { tenantId, since: now() };
      going.add(each);
      try {
        return await work();
      } finally {
        going.delete(each);
        chargeOne(each);
      }
    },
    charge: () => going.forEach(chargeOne),
  };
}
