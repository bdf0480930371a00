import type { Pool } from "pg";
import type { Log } from "../../lib/log.ts";
import { inTenantTransaction } from "../../lib/tenant-transaction.ts";
import { dueTimes, type DueTimes, type Schedule } from "./due-times.ts";

/** After how long a time that has come counts as missed. */
const missedAfterMs = 5 * 60_000;
const batchSize = 500;

interface AutomationRow {
  readonly config: Schedule;
  readonly next_run_at: Date | null;
  readonly armed_at: Date;
}

/** Fires the scheduled automations of all tenants whose time has come, each once however many workers look at once; how many it fired. */
export async function fireDueAutomations(pool: Pool, log: Log, now: Date, signal?: AbortSignal): Promise<number> {
  let fired = 0;
  for (let found = batchSize; found === batchSize && !signal?.aborted;) {
    const { rows } = await pool.query<{ tenant_id: string; id: string }>(
      "select * from private.due_automations($1, $2)",
      [now, batchSize],
    );
    found = rows.length;
    let taken = 0;
    for (const row of rows) {
      if (signal?.aborted) break;
      try {
        const outcome = await fireOne(pool, row.tenant_id, row.id, now);
        if (outcome !== "held") taken++;
        if (outcome === "fired") fired++;
      } catch (error) {
        log.error(
          { err: error, tenantId: row.tenant_id, automationId: row.id },
          "a scheduled automation could not be fired",
        );
      }
    }
    // Those that are held or cannot be fired would be found again at once; they wait for the next minute.
    if (taken === 0) break;
  }
  return fired;
}

async function fireOne(pool: Pool, tenantId: string, id: string, now: Date): Promise<"fired" | "looked" | "held"> {
  return inTenantTransaction(pool, { tenantId }, async (client) => {
    const { rows } = await client.query<AutomationRow>(
      `select trigger_config as config, next_run_at, armed_at from pipeline.automations
       where id = $1 and trigger_type = 'schedule' and is_enabled and deleted_at is null and (next_run_at is null or next_run_at <= $2)
       for no key update skip locked`,
      [id, now],
    );
    const row = rows[0];
    if (!row) return "held";
    const { due, next } = timesOf(row, now);
    const isMissed = due !== undefined && now.getTime() - due.getTime() > missedAfterMs;
    const result = await client.query<{ queued: boolean }>(
      "select pipeline.fire_due_automation($1, $2, $3, $4) as queued",
      [id, due ?? null, next ?? null, isMissed],
    );
    return result.rows[0]!.queued ? "fired" : "looked";
  });
}

function timesOf({ config, next_run_at, armed_at }: AutomationRow, now: Date): DueTimes {
  const since = next_run_at ? new Date(next_run_at.getTime() - 1) : armed_at;
  try {
    return dueTimes(config, since, now);
  } catch {
    // What the library cannot read has no time to come: the automation is switched off, and says so.
    return { due: undefined, next: undefined };
  }
}
