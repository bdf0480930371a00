import type { Pool } from "pg";
import { withTransaction } from "../../lib/tenant-transaction.ts";

/** Documents that were stored ahead, shared by all server processes. */
export interface DocumentStore {
  /** The text with a SHA-256; undefined when there is none. What was found once is remembered: it cannot change. */
  find(hash: string): Promise<string | undefined>;
  /** Stores texts, and returns how many were not there before. */
  store(texts: readonly string[]): Promise<number>;
}

const begin = "begin; select set_config('role', 'rowhouse_identity', true)";
const remembered = 5_000;

/** The documents of a database, reached by the login rowhouse_server. */
export function createDocumentStore(pool: Pool): DocumentStore {
  const known = new Map<string, string>();
  return {
    async find(hash) {
      const text = known.get(hash);
      if (text !== undefined) return text;
      const sql = "select private.find_trusted_document($1) as document";
      const { rows } = await withTransaction(pool, begin, (client) =>
        client.query<{ document: string | null }>(sql, [hash]),
      );
      const found = rows[0]?.document ?? undefined;
      if (found !== undefined) {
        if (known.size >= remembered) known.delete(known.keys().next().value!);
        known.set(hash, found);
      }
      return found;
    },
    async store(texts) {
      const sql = "select private.store_trusted_documents($1) as count";
      const { rows } = await withTransaction(pool, begin, (client) => client.query<{ count: number }>(sql, [texts]));
      return rows[0]!.count;
    },
  };
}
