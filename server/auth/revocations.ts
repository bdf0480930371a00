import type { Pool } from "pg";
import type { Log } from "../../lib/log.ts";
import { withTransaction } from "../../lib/tenant-transaction.ts";
import { tokenMinutesMax } from "./access-tokens.ts";
import type { Session } from "./session.ts";

/** Which sessions were ended and which tokens were taken back, in any server process. */
export interface Revocations {
  /** Whether the session behind a token, or the token itself, was revoked. */
  isRevoked(session: Session): boolean;
  /** Whether viewers of a tenant see contact data masked. */
  isMasked(tenantId: string): boolean;
  /** Whether nothing of what was read at these versions is known to have changed since; false when nobody can tell. */
  isCurrent(versions: readonly (readonly [id: string, version: number])[]): boolean;
  /** Calls back after something was revoked or changed, until the function it returns is called. */
  onRevoked(listener: () => void): () => void;
  /** Asks the database now; done when the answer is known. */
  refresh(): Promise<void>;
  close(): void;
}

/** How often the database is asked, in milliseconds: a revocation takes effect in every process within a second. */
const pollMs = 400;

/** A transaction that ended a session may become visible this much after the time that it wrote, in milliseconds. */
const lateMs = 30_000;

const begin = "begin read only; select set_config('role', 'rowhouse_identity', true)";
const query = "select id, revoked_at from private.revocations($1)";
const maskingQuery = "select tenant_id, is_masked from private.masking_changes($1)";
const changesQuery = "select id, version from private.key_changes($1)";

/** For how long after the last answer of the database what is remembered may be used, in milliseconds. */
const trustMs = 900;

/** Knows all revocations that still matter before the promise resolves, and asks for new ones until it is closed. */
export async function watchRevocations(pool: Pool, log: Log): Promise<Revocations> {
  const longestLifeMs = tokenMinutesMax * 60_000;
  const revoked = new Map<string, number>();
  const versions = new Map<string, number>();
  const masked = new Set<string>();
  let maskingSince = new Date(0);
  let answeredAt = 0;
  const listeners = new Set<() => void>();
  let since = new Date(Date.now() - longestLifeMs - lateMs);
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const refresh = async () => {
    const asked = Date.now();
    const changedSince = new Date(asked - lateMs);
    const [{ rows }, changes, masking] = await withTransaction(pool, begin, async (client) => [
      await client.query<{ id: string; revoked_at: Date }>(query, [since]),
      await client.query<{ id: string; version: string }>(changesQuery, [changedSince]),
      await client.query<{ tenant_id: string; is_masked: boolean }>(maskingQuery, [maskingSince]),
    ]);
    since = changedSince;
    maskingSince = changedSince;
    answeredAt = asked;
    let isNew = false;
    for (const { tenant_id, is_masked } of masking.rows) {
      isNew ||= masked.has(tenant_id) !== is_masked;
      if (is_masked) masked.add(tenant_id);
      else masked.delete(tenant_id);
    }
    for (const { id, version } of changes.rows) {
      isNew ||= versions.get(id) !== Number(version);
      versions.set(id, Number(version));
    }
    // Nothing is remembered for so long.
    for (const [id, version] of versions) if (version / 1000 < asked - 2 * lateMs) versions.delete(id);
    for (const { id, revoked_at } of rows) {
      isNew ||= !revoked.has(id);
      revoked.set(id, revoked_at.getTime());
    }
    // A token that was issued before has expired by then.
    for (const [id, at] of revoked) if (at < asked - longestLifeMs - lateMs) revoked.delete(id);
    if (isNew) for (const listener of listeners) listener();
  };

  const again = () => {
    if (isClosed) return;
    timer = setTimeout(() => {
      refresh()
        .catch((error: unknown) => log.warn({ err: error }, "cannot ask which sessions were ended; trying again"))
        .finally(again);
    }, pollMs);
  };

  await refresh();
  again();
  return {
    isRevoked: ({ sessionId, tokenId }) =>
      (sessionId !== undefined && revoked.has(sessionId)) || (tokenId !== undefined && revoked.has(tokenId)),
    isMasked: (tenantId) => masked.has(tenantId),
    isCurrent: (read) =>
      answeredAt + trustMs > Date.now() && read.every(([id, version]) => (versions.get(id) ?? version) === version),
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh,
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
