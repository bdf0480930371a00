import type { WithPgClient } from "postgraphile/@dataplan/pg";

type PgClient = Parameters<Parameters<WithPgClient>[1]>[0];
type Query = Parameters<PgClient["query"]>[0];
type QueryResult = Awaited<ReturnType<PgClient["query"]>>;

/** Reads that have been asked for and not yet begun: by database, then by what they ask under which claims. */
const waiting = new WeakMap<object, Map<string, Promise<QueryResult>>>();

/**
 * Wraps a way to the database so that equal reads under equal claims, asked for in the same turn of the event loop, are
 * one query. All of them were asked before it begins, so nobody gets a state older than the event that woke them.
 */
export function shareReads(withPgClient: WithPgClient, database: object): WithPgClient {
  const reads = readsOf(database);
  return ((settings, callback) => {
    const query = (asked: Query): Promise<QueryResult> => {
      const key = JSON.stringify([settings, asked.text, asked.values, asked.arrayMode]);
      let read = reads.get(key);
      if (read === undefined) {
        read = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
          reads.delete(key);
          return withPgClient(settings, (client) => client.query(asked));
        });
        reads.set(key, read);
      }
      return read;
    };
    const client = {
      query,
      withTransaction: ((run) =>
        withPgClient(settings, (inner) => inner.withTransaction(run))) as PgClient["withTransaction"],
    };
    return Promise.resolve(callback(client as never));
  }) as WithPgClient;
}

function readsOf(database: object): Map<string, Promise<QueryResult>> {
  let reads = waiting.get(database);
  if (reads === undefined) waiting.set(database, (reads = new Map()));
  return reads;
}
