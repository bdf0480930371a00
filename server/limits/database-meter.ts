/** Measures how long tenants keep the database busy. */
export interface DatabaseMeter {
  /** Begins to measure a connection that a tenant keeps busy; the function it returns ends it. */
  begin(tenantId: string): () => void;
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
    begin(tenantId) {
      const each = { tenantId, since: now() };
      going.add(each);
      return () => {
        if (going.delete(each)) chargeOne(each);
      };
    },
    charge: () => going.forEach(chargeOne),
  };
}
