import type { FeedEvent } from "./feed-event.ts";

/** A place between two events of a read; the events after it hang on it, and go when nobody is before them. */
export interface Place {
  /** Counts the events that were read. */
  readonly number: number;
  /** Bytes of all events that were read up to here. */
  readonly bytes: number;
  readonly event?: FeedEvent;
  next?: Place;
}

/** What a read has read, as far as somebody needs it. */
export interface FeedTail {
  /** The end of what was read so far. */
  readonly last: Place;
  append(events: readonly FeedEvent[]): void;
  /** Notes the cursor that the present end stands for. */
  mark(cursor: string): void;
  /** The place right after a cursor, if that was read lately. */
  placeAfter(cursor: string): Place | undefined;
}

/** What is kept of what all have taken, for those who come back after a short while. */
const recentMax = 200;
const recentBytesMax = 262_144;

/** A tail without events. */
export function createFeedTail(): FeedTail {
  const recent = new Map<string, Place>();
  let last: Place = { number: 0, bytes: 0 };
  return {
    get last() {
      return last;
    },
    append(events) {
      for (const event of events) {
        const place: Place = { number: last.number + 1, bytes: last.bytes + event.bytes, event };
        last.next = place;
        last = place;
        recent.set(event.cursor, place);
      }
      for (const [cursor, place] of recent) {
        if (recent.size <= recentMax && last.bytes - place.bytes <= recentBytesMax) break;
        recent.delete(cursor);
      }
    },
    mark: (cursor) => void recent.set(cursor, last),
    placeAfter: (cursor) => recent.get(cursor),
  };
}
