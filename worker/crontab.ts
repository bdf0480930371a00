import { parseCronItems, type ParsedCronItem } from "graphile-worker";
import type { TaskName } from "./tasks/index.ts";

/** When a maintenance task runs: a cron pattern in UTC, and how long after a missed time it is made up for. */
export interface Schedule {
  readonly task: TaskName;
  readonly match: string;
  /** Milliseconds; 0 lets missed times go. */
  readonly backfillMs?: number;
  /** Whether it runs when a worker starts, too. */
  readonly atStart?: boolean;
}

/** Every scheduled task, one line each. */
export const crontab: readonly Schedule[] = [
  { task: "cancel_abandoned_imports", match: "17 * * * *" },
  { task: "fire_due_automations", match: "* * * * *", atStart: true },
  { task: "forget_automation_runs", match: "47 * * * *" },
  { task: "forget_idempotency_keys", match: "37 * * * *" },
  { task: "forget_webhook_deliveries", match: "47 * * * *" },
  { task: "judge_webhook_events", match: "* * * * *", atStart: true },
  // A day that was missed is made up for: months are made well ahead, but not for ever.
  { task: "keep_partitions", match: "5 3 * * *", backfillMs: 7 * 86_400_000, atStart: true },
  { task: "remove_expired_exports", match: "*/10 * * * *" },
];

/** The schedules as the queue takes them; each is queued once, however many workers run. */
export function cronItems(schedules: readonly Schedule[]): ParsedCronItem[] {
  return parseCronItems(
    schedules.map(({ task, match, backfillMs = 0 }) => ({
      task,
      match,
      identifier: task,
      options: { backfillPeriod: backfillMs, maxAttempts: 3, jobKey: `cron:${task}` },
    })),
  );
}
