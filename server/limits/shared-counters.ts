import { createCounter, type Counter } from "./counter.ts";

/** What one process tells the others of a subject. */
export interface Spending {
  readonly subject: string;
  readonly spent: number;
  /** What it has under way now; undefined for a subject of which nothing is held. */
  readonly held: number | undefined;
}

/** What all processes together have used of a subject. */
export interface Settlement {
  readonly subject: string;
  /** Milliseconds since the present minute began, by the clock of the database. */
  readonly minuteMs: number;
  readonly previous: number;
  readonly present: number;
  readonly heldElsewhere: number;
}

/** What shared counters need. */
export interface SharedCountersOptions {
  /** Adds what was spent to the sums of all processes, and returns these. */
  readonly settle: (spendings: readonly Spending[]) => Promise<readonly Settlement[]>;
  readonly onFailure?: (error: unknown) => void;
  /** Called before each settlement, to charge what is still going on. */
  readonly beforeSettling?: () => void;
  /** The clock, in milliseconds. */
  readonly now?: () => number;
  /** How old what is known may be before somebody is refused by it, in milliseconds. */
  readonly freshMs?: number;
  /** How often what is held is told again although it did not change, in milliseconds. */
  readonly renewMs?: number;
}

/** A limit was reached. */
export interface Exceeded {
  readonly limit: number;
  readonly count: number;
  readonly retryAfterMs: number;
}

/**
 * Counts that all server processes share. Each counts by itself and settles with the others now and then, so a request
 * waits for nobody, except where a process has admitted as much as its slack since it last settled: that is what
 * bounds by how much all of them together can go beyond a limit.
 */
export interface SharedCounters {
  /** Counts one of what may happen `limit` times a minute, unless that is reached. */
  take(subject: string, limit: number): Promise<Exceeded | undefined>;
  /** Whether `limit` a minute is used up. */
  check(subject: string, limit: number): Promise<Exceeded | undefined>;
  /** Counts what has happened anyway. */
  charge(subject: string, amount: number): void;
  /** Takes one of `limit` that may be under way at once; the function it returns gives it back. */
  hold(subject: string, limit: number): Promise<Exceeded | (() => void)>;
  /** Settles with the other processes; never throws. */
  settle(): Promise<void>;
}

/** How much a process may admit of a limit between two settlements. */
export function slackOf(limit: number): number {
  return Math.max(1, Math.ceil(limit / 20));
}

/** Beyond so many subjects all are forgotten that nobody is using: the others know them still. */
const subjectsMax = 100_000;
const idleMs = 150_000;
const sweepMs = 30_000;

/** Counters of one process. */
export function createSharedCounters(options: SharedCountersOptions): SharedCounters {
  const { now = Date.now, freshMs = 250, renewMs = 3_000 } = options;
  const counters = new Map<string, Counter>();
  let running: Promise<void> | undefined;
  let following: Promise<void> | undefined;

  const counterOf = (subject: string): Counter => {
    let counter = counters.get(subject);
    if (counter === undefined) counters.set(subject, (counter = createCounter(now)));
    counter.usedAt = now();
    return counter;
  };

  const run = async (): Promise<void> => {
    options.beforeSettling?.();
    const batch = [...counters].filter(([, counter]) => counter.isDue(renewMs));
    forgetIdle();
    if (batch.length === 0) return;
    const spendings = batch.map(([subject, counter]) => ({ subject, ...counter.send() }));
    try {
      for (const settlement of await options.settle(spendings)) counters.get(settlement.subject)?.settled(settlement);
    } catch (error) {
      // Alone, it goes on by what it knows.
      for (const [, counter] of batch) counter.unsettled();
      options.onFailure?.(error);
    }
  };

  let sweptAt = now();
  const forgetIdle = () => {
    const isFull = counters.size > subjectsMax;
    if (!isFull && now() - sweptAt < sweepMs) return;
    sweptAt = now();
    for (const [subject, counter] of counters) if (counter.isIdle(isFull ? 0 : idleMs)) counters.delete(subject);
  };

  const settle = (): Promise<void> => {
    if (running === undefined) return (running = run().finally(() => (running = undefined)));
    return (following ??= running.then(() => ((following = undefined), settle())));
  };

  /** Asks again with fresh knowledge before anybody is refused, and settles first when the slack is used up. */
  const decide = async <T>(
    counter: Counter,
    limit: number,
    pending: () => number,
    look: () => Exceeded | undefined,
    admit: () => T,
  ): Promise<Exceeded | T> => {
    for (;;) {
      while (pending() >= slackOf(limit)) await settle();
      const exceeded = look();
      if (exceeded === undefined) return admit();
      counter.isAsked = true;
      if (counter.age() <= freshMs) return exceeded;
      await settle();
    }
  };

  return {
    take(subject, limit) {
      const counter = counterOf(subject);
      return decide(
        counter,
        limit,
        () => counter.pending(),
        () => counter.exceeded(limit, 1),
        () => void counter.add(1),
      );
    },
    check(subject, limit) {
      const counter = counterOf(subject);
      // Nothing is admitted that counts, so nothing is pending.
      return decide(
        counter,
        limit,
        () => 0,
        () => counter.exceeded(limit, 0),
        () => undefined,
      );
    },
    charge: (subject, amount) => counterOf(subject).add(amount),
    hold(subject, limit) {
      const counter = counterOf(subject);
      return decide(
        counter,
        limit,
        () => counter.heldPending(),
        () => counter.heldExceeded(limit),
        () => counter.hold(),
      );
    },
    settle,
  };
}
