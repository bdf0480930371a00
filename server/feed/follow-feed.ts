import { setTimeout as sleep } from "node:timers/promises";
import { RowhouseError } from "../../lib/errors.ts";
import { isWanted, type EventFilter, type FeedEvent } from "./feed-event.ts";
import type { FeedGroup, Follower } from "./feed-group.ts";
import type { FeedMetrics } from "./feed-metrics.ts";
import { isFinalError } from "./final-error.ts";
import type { FeedClaims, FeedPage, FeedReader } from "./read-feed.ts";

/** What one subscriber of the feed is given. */
export interface FollowOptions extends EventFilter {
  /** The cursor of the last event that the subscriber has; undefined to begin now. */
  readonly after: string | undefined;
  /** Waited for before each event, for a socket that is slow to take data. */
  readonly ready?: (() => Promise<void>) | undefined;
  /** Called when it has joined the live read. */
  readonly onBegin?: (() => void) | undefined;
  readonly claims: FeedClaims;
  /** The live read of all who see the same, which this subscriber joins. */
  readonly group: () => FeedGroup;
  readonly reader: FeedReader;
  readonly pageSize: number;
  readonly unreadMax: number;
  readonly metrics: FeedMetrics;
  /** Called once, when nothing follows any more. */
  readonly onEnd: () => void;
}

const heldUpMs = 20;
const failurePauseMs = { first: 100, most: 5_000 };

/**
 * The events after a cursor, then each as it happens, in order, without a gap or a repeat: first by reads of its own up to
 * where the shared read is, then from that. Throws LIMIT_EXCEEDED with the last cursor when it is taken too slowly.
 */
export function followFeed(options: FollowOptions): AsyncIterableIterator<FeedEvent> {
  const { claims, reader, ready, pageSize, metrics } = options;
  const end = { isOver: false, error: undefined as unknown };
  let cursor = options.after;
  let position = 0n;
  let joined: FeedGroup | undefined;
  let resume: (() => void) | undefined;

  const follower: Follower = {
    place: { number: 0, bytes: 0 },
    wake: () => resume?.(),
    drop() {
      metrics.dropped();
      fail(tooSlow(cursor, options.unreadMax));
    },
    fail: (error) => fail(error),
  };
  const leave = () => {
    joined?.leave(follower);
    joined = undefined;
    // It would keep every later event in memory.
    follower.place = { number: 0, bytes: 0 };
  };
  const stop = () => {
    if (!end.isOver) options.onEnd();
    end.isOver = true;
    leave();
    resume?.();
  };
  const fail = (error: unknown) => {
    end.error = error;
    stop();
  };

  /** What the database refuses is thrown; what fails otherwise is tried again. */
  const ask = async <T>(question: () => Promise<T>): Promise<T> => {
    for (let failures = 1; ; failures++) {
      try {
        return await question();
      } catch (error) {
        if (isFinalError(error) || end.isOver) throw error;
        await sleep(Math.min(failurePauseMs.most, failurePauseMs.first * 2 ** failures) * (0.75 + Math.random() / 2));
      }
    }
  };

  const join = async () => {
    const group = options.group();
    // Before anything is awaited: a group that nobody follows is given up.
    follower.place = group.last;
    group.join(follower);
    joined = group;
    await ask(() => group.begin(cursor));
    follower.place = group.last;
    return group.position;
  };

  async function* events(): AsyncGenerator<FeedEvent, void, undefined> {
    const mayHand = async (event: FeedEvent) => {
      await ready?.();
      if (end.isOver) return false;
      [position, cursor] = [event.position, event.cursor];
      metrics.delivered(event);
      return true;
    };
    let until = await join();
    const known = cursor === undefined ? undefined : joined?.placeAfter(cursor);
    if (cursor === undefined) position = until;
    else if (known !== undefined) follower.place = known;
    else {
      for (let isBehind = true; isBehind && !end.isOver;) {
        const after: string = cursor;
        const page: FeedPage = await ask(() => reader.page(claims, after, options, pageSize));
        isBehind = page.position < until;
        // It is long behind: the shared read need not keep what this one reads for itself.
        if (isBehind && page.hasMore) leave();
        for (const event of page.events) {
          if (!(await mayHand(event))) return;
          yield event;
        }
        ({ cursor, position } = page);
        if (!isBehind || end.isOver) continue;
        if (joined === undefined) until = await join();
        // Somebody's transaction holds this read up where the shared one has passed.
        else await sleep(heldUpMs);
      }
    }
    if (!end.isOver) options.onBegin?.();
    while (!end.isOver) {
      const { next } = follower.place;
      if (next === undefined) {
        await new Promise<void>((resolve) => (resume = resolve));
        resume = undefined;
        continue;
      }
      follower.place = next;
      const event = next.event!;
      if (event.position <= position || !isWanted(event, options)) continue;
      if (await mayHand(event)) yield event;
    }
  }

  const taken = events();
  const done = { done: true, value: undefined } as const;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const result = await taken.next();
        if (!result.done) return result;
      } catch (error) {
        end.error ??= error;
        stop();
      }
      const { error } = end;
      end.error = undefined;
      if (error !== undefined) throw error;
      return done;
    },
    async return() {
      end.error = undefined;
      stop();
      return done;
    },
    async throw(error) {
      stop();
      throw error;
    },
  };
}

function tooSlow(cursor: string | undefined, limit: number): RowhouseError {
  const message = `More than ${limit} events are unread, and they are not taken fast enough. Subscribe again after the cursor of the last event that you have.`;
  return new RowhouseError("LIMIT_EXCEEDED", message, { details: { limit, name: "unreadEvents", cursor } });
}
