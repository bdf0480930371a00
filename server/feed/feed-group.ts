import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../lib/log.ts";
import type { FeedEvent } from "./feed-event.ts";
import { createFeedTail, type Place } from "./feed-tail.ts";
import { isFinalError } from "./final-error.ts";
import type { FeedClaims, FeedPage, FeedReader } from "./read-feed.ts";

/** Somebody who follows the live read. */
export interface Follower {
  /** The last event that it has taken. */
  place: Place;
  /** There is an event after its place. */
  wake(): void;
  /** It had more unread than a follower may have, for longer than it may. */
  drop(): void;
  /** The feed cannot be read any more. */
  fail(error: unknown): void;
}

/** How the live read goes. Times are in milliseconds. */
export interface GroupOptions {
  readonly reader: FeedReader;
  readonly log: Log;
  readonly pageSize: number;
  /** Events, and bytes of them, that may be unread by the slowest follower. */
  readonly unreadMax: number;
  readonly unreadBytesMax: number;
  /** How long all wait for the slowest one before it is dropped. */
  readonly graceMs: number;
  /** The shortest time between two reads. */
  readonly pauseMs: number;
}

/** One read of the feed for all who see the same of it, which goes on as long as anybody follows. */
export interface FeedGroup {
  readonly claims: FeedClaims;
  /** Begins, unless it has begun: after a cursor that is not far behind, else after everything that is complete now. */
  begin(after: string | undefined): Promise<void>;
  /** The end of what was read so far. */
  readonly last: Place;
  /** The position up to which everything was read. */
  readonly position: bigint;
  /** The place right after a cursor, if that was read lately. */
  placeAfter(cursor: string): Place | undefined;
  readonly followers: ReadonlySet<Follower>;
  /** Milliseconds since the last read, for those who poll. */
  readonly idleMs: number;
  join(follower: Follower): void;
  leave(follower: Follower): void;
  /** Something has happened: it is there, or will be in a moment. */
  wake(): void;
  /** Looks whether something has happened. */
  look(): void;
  end(): void;
}

/** Pauses between the reads that follow a wake-up which showed nothing: what it told of may be held up for a moment. */
const againMs = [50, 200, 500, 1000, 1000, 1000, 1000, 1000, 1000, 1000];
const everything = { types: [], subjects: [] };
const failurePauseMs = { first: 100, most: 10_000 };

/** A group without followers. `onEmpty` is called when the last one has left. */
export function createFeedGroup(claims: FeedClaims, options: GroupOptions, onEmpty: () => void): FeedGroup {
  const { reader, log, pageSize, unreadMax, unreadBytesMax, graceMs, pauseMs } = options;
  const followers = new Set<Follower>();
  const tail = createFeedTail();
  let head: Pick<FeedPage, "cursor" | "position"> | undefined;
  let beginning: Promise<void> | undefined;
  let isDue = false;
  let isReading = false;
  let isOver = false;
  let readAt = performance.now();
  let isExpecting = false;
  let emptyReads = 0;
  let again: NodeJS.Timeout | undefined;

  const append = (events: FeedEvent[]) => {
    if (events.length === 0) return;
    tail.append(events);
    for (const follower of followers) follower.wake();
  };

  const slow = (): Follower[] =>
    [...followers].filter(
      ({ place }) => tail.last.number - place.number > unreadMax || tail.last.bytes - place.bytes > unreadBytesMax,
    );

  /** Nothing more is read while somebody has too much unread, and then without them. */
  const waitForTheSlow = async () => {
    for (const deadline = performance.now() + graceMs; slow().length > 0 && !isOver; await sleep(20)) {
      if (performance.now() < deadline) continue;
      for (const follower of slow()) follower.drop();
    }
  };

  const readOn = async () => {
    isReading = true;
    let failures = 0;
    while (isDue && !isOver) {
      isDue = false;
      clearTimeout(again);
      try {
        const page = await reader.page(claims, head!.cursor, everything, pageSize);
        failures = 0;
        readAt = performance.now();
        if (isOver) return;
        head = page;
        append(page.events);
        if (page.hasMore) isDue = true;
        if (page.events.length > 0) isExpecting = false;
        else if (!isDue && isExpecting) readAgain();
        await waitForTheSlow();
        if (!isOver) await sleep(pauseMs);
      } catch (error) {
        if (isOver) return;
        if (isFinalError(error)) return fail(error);
        failures++;
        log.warn({ err: error, failures, tenantId: claims.tenantId }, "the feed cannot be read; trying again");
        isDue = true;
        await sleep(Math.min(failurePauseMs.most, failurePauseMs.first * 2 ** failures) * (0.75 + Math.random() / 2));
      }
    }
    isReading = false;
  };

  /** Whoever's cursor is refused will be told so by a read of their own: the others can begin without. */
  const pageAfter = (after: string) =>
    reader.page(claims, after, everything, pageSize).catch((error: unknown) => {
      if (isFinalError(error)) return undefined;
      throw error;
    });

  const start = async (after: string | undefined) => {
    const page = after === undefined ? undefined : await pageAfter(after);
    if (page === undefined || page.hasMore) head = await reader.head(claims);
    else {
      head = page;
      tail.mark(after!);
      append(page.events);
    }
    // Whoever woke it meanwhile woke nobody.
    look();
  };

  const readAgain = () => {
    const pause = againMs[emptyReads++];
    if (pause === undefined) return;
    again = setTimeout(look, pause);
  };

  const look = () => {
    if (head === undefined || isOver) return;
    isDue = true;
    if (!isReading) void readOn();
  };

  const fail = (error: unknown) => {
    for (const follower of [...followers]) follower.fail(error);
  };

  return {
    claims,
    followers,
    get last() {
      return tail.last;
    },
    get position() {
      return head!.position;
    },
    get idleMs() {
      return performance.now() - readAt;
    },
    begin(after) {
      beginning ??= start(after).catch((error: unknown) => {
        beginning = undefined;
        throw error;
      });
      return beginning;
    },
    placeAfter: tail.placeAfter,
    join(follower) {
      followers.add(follower);
    },
    leave(follower) {
      if (followers.delete(follower) && followers.size === 0) onEmpty();
    },
    wake() {
      isExpecting = true;
      emptyReads = 0;
      look();
    },
    look,
    end() {
      isOver = true;
      clearTimeout(again);
    },
  };
}
