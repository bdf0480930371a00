import type { Pool } from "pg";
import { withTransaction } from "../../lib/tenant-transaction.ts";
import type { Settlement, Spending } from "./shared-counters.ts";

const begin =
  "begin; select set_config('role', 'rowhouse_identity', true), set_config('statement_timeout', '2000', true)";

/** How long what a process holds is held for it when it is not heard of any more, in seconds: it may have been killed. */
export const holdSeconds = 10;

const tidyMs = 30_000;

/** Settles the counts of one process, by the id it gave itself, with those of the others in one statement. */
export function settleInDatabase(pool: Pool, holder: string) {
  let tidiedAt = Date.now();
  return {
    async settle(spendings: readonly Spending[]): Promise<readonly Settlement[]> {
      const tidies = Date.now() - tidiedAt > tidyMs;
      if (tidies) tidiedAt = Date.now();
      const values = [
        holder,
        spendings.map(({ subject }) => subject),
        spendings.map(({ spent }) => spent),
        spendings.map(({ held }) => held ?? null),
        holdSeconds,
        tidies,
      ];
      const sql = `select subject, minute_ms as "minuteMs", previous, present, held_elsewhere as "heldElsewhere"
        from private.settle_quotas($1, $2, $3, $4, $5, $6)`;
      return withTransaction(pool, begin, async (client) => (await client.query<Settlement>(sql, values)).rows);
    },
    async forget(): Promise<void> {
      await withTransaction(pool, begin, (client) => client.query("select private.forget_holder($1)", [holder]));
    },
  };
}
