import { Cron } from "croner";

/** A schedule: the five fields of cron, and the time zone whose clock they are read on. */
export interface Schedule {
  readonly schedule: string;
  readonly timezone: string;
}

/** Which time of a schedule has come, and which comes next. */
export interface DueTimes {
  /** The last time that has come since the schedule was looked at; undefined when none has. */
  readonly due: Date | undefined;
  /** The first time after now; undefined when there is none. */
  readonly next: Date | undefined;
}

/**
 * The times of a schedule around now, of those after `since`. In spring, a time that the clock leaps over comes when the
 * clock has leapt; in autumn, a time that comes twice counts once.
 */
export function dueTimes({ schedule, timezone }: Schedule, since: Date, now: Date): DueTimes {
  const cron = new Cron(schedule, { timezone, mode: "5-part", paused: true });
  const [last] = cron.previousRuns(1, new Date(now.getTime() + 1));
  return {
    due: last && last > since && last <= now ? last : undefined,
    next: cron.nextRun(now) ?? undefined,
  };
}
