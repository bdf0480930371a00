import { randomUUID } from "node:crypto";
import type { Config } from "../../lib/config.ts";
import type { Log } from "../../lib/log.ts";
import { createPool } from "../../lib/pool.ts";
import { createAdmission, databaseTimeOf, type Admission } from "./admission.ts";
import { createDatabaseMeter, type DatabaseMeter } from "./database-meter.ts";
import { settleInDatabase } from "./settle-in-database.ts";
import { createSharedCounters } from "./shared-counters.ts";

/** The limits of this server process, which it shares with the others. */
export interface Limits {
  readonly admission: Admission;
  readonly meter: DatabaseMeter;
  close(): Promise<void>;
}

/** How often the processes settle their counts, in milliseconds. */
const settleMs = 250;

/** Begins to count, and to settle with the other processes on a connection that no request can take. */
export function startLimits(config: Config, databaseUrl: string, log: Log): Limits {
  const pool = createPool({ connectionString: databaseUrl, applicationName: "rowhouse limits", log, size: 1 });
  const database = settleInDatabase(pool, randomUUID());
  let isFailing = false;
  const counters = createSharedCounters({
    async settle(spendings) {
      const settled = await database.settle(spendings);
      isFailing = false;
      return settled;
    },
    onFailure(error) {
      // Once, not four times a second.
      if (!isFailing) log.warn({ err: error }, "limits cannot be settled with the other processes; each counts alone");
      isFailing = true;
    },
    beforeSettling: () => meter.charge(),
  });
  const meter = createDatabaseMeter((tenantId, ms) => counters.charge(databaseTimeOf(tenantId), ms));
  const timer = setInterval(() => void counters.settle(), settleMs);
  return {
    admission: createAdmission(counters, config),
    meter,
    async close() {
      clearInterval(timer);
      await counters.settle();
      await database.forget().catch(() => undefined);
      await pool.end();
    },
  };
}
