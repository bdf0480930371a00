import type { Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { withTransaction } from "../../lib/tenant-transaction.ts";
import type { ClientInfo } from "./sessions.ts";

/** Failures before the first wait: somebody mistypes; an address may serve a whole office. */
const freeFailures = { account: 5, address: 30 } as const;

const begin = "begin; select set_config('role', 'rowhouse_identity', true)";

/**
 * Makes guessing slow: after a few failures each further attempt on an account, or from an address, has to wait, ever
 * longer. It knows accounts that do not exist, too, so that a lock tells nobody that one does. The counts are shared by
 * all server processes.
 */
export interface LoginThrottle {
  /** Throws LIMIT_EXCEEDED, with the seconds to wait, while the account or the address is locked. */
  check(): Promise<void>;
  failed(): Promise<void>;
  succeeded(): Promise<void>;
}

/** The throttle for one attempt. */
export function loginThrottle(pool: Pool, email: string, client: ClientInfo): LoginThrottle {
  const account = `account:${email.trim().toLowerCase().replaceAll("\0", "").slice(0, 320)}`;
  const subjects: [string, number][] = [[account, freeFailures.account]];
  if (client.ipAddress) subjects.push([`address:${client.ipAddress}`, freeFailures.address]);

  return {
    async check() {
      const until = await withTransaction(pool, begin, async (db) => {
        const { rows } = await db.query<{ until: Date | null }>("select private.login_locked_until($1) as until", [
          subjects.map(([subject]) => subject),
        ]);
        return rows[0]!.until;
      });
      if (until === null) return;
      const seconds = Math.max(1, Math.ceil((until.getTime() - Date.now()) / 1000));
      throw new RowhouseError(
        "LIMIT_EXCEEDED",
        `Too many logins failed. Try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`,
        { details: { retryAfterSeconds: seconds } },
      );
    },
    async failed() {
      await withTransaction(pool, begin, async (db) => {
        for (const [subject, free] of subjects)
          await db.query("select private.note_login_failure($1, $2)", [subject, free]);
      });
    },
    async succeeded() {
      await withTransaction(pool, begin, (db) => db.query("select private.forget_login_failures($1)", [account]));
    },
  };
}
