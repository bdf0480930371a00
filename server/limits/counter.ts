import type { Exceeded, Settlement, Spending } from "./shared-counters.ts";

/** What a process knows of one subject: what all have used, as of its last settlement, and what it has used since. */
export interface Counter {
  usedAt: number;
  /** Somebody was refused by what is known, so it is to be asked for again. */
  isAsked: boolean;
  add(amount: number): void;
  /** Takes one that is under way; the function it returns gives it back. */
  hold(): () => void;
  /** What the others do not know of yet. */
  pending(): number;
  heldPending(): number;
  /** Whether `more` would go beyond a limit of a rolling minute. */
  exceeded(limit: number, more: number): Exceeded | undefined;
  heldExceeded(limit: number): Exceeded | undefined;
  /** How old is what is known of the others, in milliseconds. */
  age(): number;
  isDue(renewMs: number): boolean;
  isIdle(idleMs: number): boolean;
  send(): Omit<Spending, "subject">;
  settled(settlement: Settlement): void;
  /** The settlement failed: what was sent counts here, and is not sent again. */
  unsettled(): void;
}

const minuteMs = 60_000;

/** A counter that knows nothing yet. */
export function createCounter(now: () => number): Counter {
  let minuteBegan = Math.floor(now() / minuteMs) * minuteMs;
  let previous = 0;
  let present = 0;
  let spent = 0;
  let sent = 0;
  let heldElsewhere = 0;
  let held = 0;
  let heldSent: number | undefined;
  let settledAt = -Infinity;

  /** The share of the last minute that still counts. */
  const turn = (): number => {
    const past = Math.floor((now() - minuteBegan) / minuteMs);
    if (past > 0) {
      previous = past === 1 ? present : 0;
      present = 0;
      minuteBegan += past * minuteMs;
    }
    return 1 - Math.max(0, now() - minuteBegan) / minuteMs;
  };
  const used = () => previous * turn() + present + sent + spent;

  /** After how long the sum, if nothing is added, leaves room again. */
  const roomAfter = (limit: number, more: number): number => {
    const rest = turn();
    const room = Math.max(0, limit - Math.max(more, Number.EPSILON));
    const own = present + sent + spent;
    if (own <= room && previous > 0) return Math.max(0, (rest - (room - own) / previous) * minuteMs);
    return (rest + (own > 0 ? 1 - room / own : 0)) * minuteMs;
  };

  const counter: Counter = {
    usedAt: now(),
    isAsked: false,
    add(amount) {
      spent += amount;
    },
    hold() {
      held++;
      let isHeld = true;
      return () => {
        if (isHeld) held--;
        isHeld = false;
      };
    },
    pending: () => spent + sent,
    heldPending: () => held - (heldSent ?? 0),
    exceeded(limit, more) {
      const count = used();
      const isWithin = more > 0 ? count + more <= limit : count < limit;
      return isWithin ? undefined : { limit, count: Math.round(count), retryAfterMs: roomAfter(limit, more) };
    },
    heldExceeded(limit) {
      const count = heldElsewhere + held;
      return count < limit ? undefined : { limit, count, retryAfterMs: 1000 };
    },
    age: () => now() - settledAt,
    isDue: (renewMs) =>
      counter.isAsked || spent > 0 || held !== (heldSent ?? 0) || (held > 0 && now() - settledAt >= renewMs),
    isIdle: (idleMs) => held === 0 && (heldSent ?? 0) === 0 && spent + sent === 0 && now() - counter.usedAt > idleMs,
    send() {
      counter.isAsked = false;
      sent = spent;
      spent = 0;
      const tells = held > 0 || heldSent !== undefined;
      heldSent = tells ? held : undefined;
      return { spent: sent, held: heldSent };
    },
    settled(settlement) {
      minuteBegan = now() - settlement.minuteMs;
      ({ previous, present, heldElsewhere } = settlement);
      sent = 0;
      settledAt = now();
    },
    unsettled() {
      turn();
      present += sent;
      sent = 0;
      settledAt = now();
    },
  };
  return counter;
}
