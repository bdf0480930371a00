import { RowhouseError } from "../../lib/errors.ts";
import type { LiveState } from "./live-run.ts";

/** One who follows a live query. */
export interface LiveFollower {
  /** There is a newer state. */
  wake(): void;
}

/** One document with one set of variables and claims, which all who ask for the same share. */
export interface LiveGroup {
  readonly followers: Set<LiveFollower>;
  /** The latest state. */
  readonly state: LiveState | undefined;
  /** A state of now: of a run that has not begun yet. */
  fresh(): Promise<LiveState>;
  /** Rows of a table have changed; undefined for any table. */
  changed(table: string | undefined): void;
  end(): void;
}

/** How a document is run again. Times are in milliseconds. */
export interface LiveGroupOptions {
  readonly run: () => Promise<LiveState>;
  /** Waits until it may run, for somebody who joins or because something has changed; throws LIMIT_EXCEEDED when it may not. */
  readonly admit: (isJoin: boolean) => Promise<() => void>;
  readonly throttleMs: number;
  readonly onRun: (outcome: "changed" | "same" | "failed") => void;
}

const failurePauseMs = { first: 1_000, most: 60_000 };

/** A group without followers, which has not run yet. */
export function createLiveGroup({ run, admit, throttleMs, onRun }: LiveGroupOptions): LiveGroup {
  const followers = new Set<LiveFollower>();
  const tables = new Set<string>();
  /** What changed while a run was under way that may not have seen it. */
  const changedMeanwhile = new Set<string | undefined>();
  let state: LiveState | undefined;
  let upcoming: PromiseWithResolvers<LiveState> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isOver = false;
  let startedAt = -Infinity;
  let failures = 0;

  const concerns = (table: string | undefined) => table === undefined || tables.has(table);

  const begin = async () => {
    clearTimeout(timer);
    timer = undefined;
    isRunning = true;
    startedAt = performance.now();
    let asked: typeof upcoming;
    try {
      const leave = await admit(upcoming !== undefined);
      // Whoever came while it waited comes along.
      [asked, upcoming] = [upcoming, undefined];
      changedMeanwhile.clear();
      startedAt = performance.now();
      const next = await run().finally(leave);
      next.tables.forEach((table) => tables.add(table));
      const { hasFailed } = next;
      failures = hasFailed ? failures + 1 : 0;
      onRun(hasFailed ? "failed" : state?.text === next.text ? "same" : "changed");
      state = next;
      asked?.resolve(next);
      for (const follower of followers) follower.wake();
      if (hasFailed) again(Math.min(failurePauseMs.most, failurePauseMs.first * 2 ** (failures - 1)));
    } catch (error) {
      asked?.reject(error);
      if (!asked) again(waitOf(error));
    }
    isRunning = false;
    if (upcoming) void begin();
    else if ([...changedMeanwhile].some(concerns)) again(throttleMs);
  };

  /** Runs once more, a time after the last run began at the earliest. */
  const again = (afterMs: number) => {
    if (isOver || timer !== undefined) return;
    timer = setTimeout(() => void begin(), Math.max(0, startedAt + afterMs - performance.now()));
  };

  return {
    followers,
    get state() {
      return state;
    },
    fresh() {
      upcoming ??= Promise.withResolvers();
      const { promise } = upcoming;
      // All who ask within one turn share it.
      if (!isRunning) setImmediate(() => upcoming && !isRunning && void begin());
      return promise;
    },
    changed(table) {
      if (isRunning) changedMeanwhile.add(table);
      else if (concerns(table)) again(throttleMs);
    },
    end() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}

function waitOf(error: unknown): number {
  const seconds = error instanceof RowhouseError ? error.details?.["retryAfterSeconds"] : undefined;
  return typeof seconds === "number" ? seconds * 1000 : failurePauseMs.first;
}
