import type { Change } from "./change.ts";

/** A row that somebody watches. */
export interface Topic {
  readonly tenant: string;
  readonly table: string;
  readonly id: string;
}

/** A call to look at the row again; `finish` ends the stream after this one. */
export interface Wake extends Topic {
  finish(): void;
}

/** Tells subscribers of rows when to read them again. */
export interface ChangeHub {
  /**
   * Wakes at once, then after each change. Changes that come while the subscriber is busy become one wake: the latest
   * state wins, and nothing is queued. `ready` is waited for before each wake, for a socket that is slow to take data;
   * `onEnd` is called once, when the stream ends.
   */
  subscribe(topic: Topic, ready?: () => Promise<void>, onEnd?: () => void): AsyncIterableIterator<Wake>;
  /** Wakes the subscribers of the rows that changed. */
  publish(change: Change): void;
  /** Wakes every subscriber. */
  publishAll(): void;
  /** How many streams are open. */
  readonly size: number;
}

interface Stream {
  wake(): void;
}

/** A hub without subscribers. */
export function createChangeHub(): ChangeHub {
  const tables = new Map<string, Map<string, Set<Stream>>>();
  let size = 0;

  const add = ({ tenant, table, id }: Topic, stream: Stream) => {
    const rows = getOrAdd(tables, `${tenant}/${table}`, () => new Map<string, Set<Stream>>());
    getOrAdd(rows, id, () => new Set<Stream>()).add(stream);
    size++;
  };

  const remove = ({ tenant, table, id }: Topic, stream: Stream) => {
    const rows = tables.get(`${tenant}/${table}`);
    const streams = rows?.get(id);
    if (!rows || !streams?.delete(stream)) return false;
    size--;
    if (streams.size === 0) rows.delete(id);
    if (rows.size === 0) tables.delete(`${tenant}/${table}`);
    return true;
  };

  const wakeAll = (rows: Map<string, Set<Stream>> | undefined) =>
    rows?.forEach((streams) => streams.forEach((stream) => stream.wake()));

  return {
    get size() {
      return size;
    },
    subscribe: (topic, ready, onEnd) =>
      openStream(topic, ready, add, (...stream) => {
        if (remove(...stream)) onEnd?.();
      }),
    publish({ tenant, table, ids }) {
      const rows = tables.get(`${tenant}/${table}`);
      if (ids === undefined) wakeAll(rows);
      else for (const id of ids) rows?.get(id)?.forEach((stream) => stream.wake());
    },
    publishAll: () => tables.forEach(wakeAll),
  };
}

type Register = (topic: Topic, stream: Stream) => void;

function openStream(
  topic: Topic,
  ready: (() => Promise<void>) | undefined,
  add: Register,
  remove: Register,
): AsyncIterableIterator<Wake> {
  let isDue = true;
  let isFinished = false;
  let resume: (() => void) | undefined;
  const stream: Stream = {
    wake() {
      isDue = true;
      resume?.();
    },
  };
  const finish = () => {
    isFinished = true;
    remove(topic, stream);
    resume?.();
  };
  const done = { done: true, value: undefined } as const;
  add(topic, stream);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      await ready?.();
      while (!isDue && !isFinished) await new Promise<void>((resolve) => (resume = resolve));
      resume = undefined;
      if (isFinished) return done;
      // A change from here on, even while this wake is being served, is due again.
      isDue = false;
      return { done: false, value: { ...topic, finish } };
    },
    async return() {
      finish();
      return done;
    },
    async throw(error) {
      finish();
      throw error;
    },
  };
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
