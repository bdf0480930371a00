import type { Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { withTransaction } from "../../lib/tenant-transaction.ts";
import type { ClientInfo } from "./sessions.ts";

/** Failures before the first wait: somebody mistypes; an address may serve a whole office. */
const freeFailures = { account: 5, address: 30 } as const;

/** Mails that somebody may ask for before the first wait. */
const freeMails = { account: 3, address: 20 } as const;

const begin = "begin; select set_config('role', 'rowhouse_identity', true)";

/**
 * Makes guessing slow: after a few failures each further attempt on an account, or from an address, has to wait, ever
 * longer. It knows accounts that do not exist, too, so that a lock tells nobody that one does. The counts are shared by
 * all server processes. An attempt counts as failed from its beginning: of a burst at once no more are looked at than of
 * as many one after the other.
 */
export interface Throttle {
  /** Counts an attempt; throws LIMIT_EXCEEDED, with the seconds to wait, while the account or the address is locked. */
  begin(): Promise<void>;
  /** The attempt was right: the account's failures are forgotten, and the address is as it was. */
  succeeded(): Promise<void>;
  /** The attempt was neither right nor wrong. */
  takeBack(): Promise<void>;
}

/** The throttle for one attempt to log in. */
export function loginThrottle(pool: Pool, email: string, { ipAddress }: ClientInfo): Throttle {
  return throttle(pool, "logins failed", [
    [`account:${plain(email)}`, freeFailures.account],
    ...(ipAddress ? [[`address:${ipAddress}`, freeFailures.address] as const] : []),
  ]);
}

/** The throttle for somebody who is signed in and has to show a secret once more. */
export function userThrottle(pool: Pool, userId: string): Throttle {
  return throttle(pool, "attempts failed", [[`user:${userId}`, freeFailures.account]]);
}

/** Counts a request that sends a mail; throws LIMIT_EXCEEDED when there were too many to, or from, an address. */
export async function throttleMails(
  pool: Pool,
  purpose: string,
  email: string,
  { ipAddress }: ClientInfo,
): Promise<void> {
  const requests = throttle(pool, "requests", [
    [`${purpose}:${plain(email)}`, freeMails.account],
    ...(ipAddress ? [[`${purpose} from:${ipAddress}`, freeMails.address] as const] : []),
  ]);
  await requests.begin();
}

function plain(email: string): string {
  return email.trim().toLowerCase().replaceAll("\0", "").slice(0, 320);
}

function throttle(pool: Pool, what: string, subjects: readonly (readonly [string, number])[]): Throttle {
  const ask = (sql: string, values: unknown[]) =>
    withTransaction(pool, begin, async (db) => (await db.query<{ until: Date | null }>(sql, values)).rows[0]);
  const takeBack = async (which = subjects) => {
    if (which.length === 0) return;
    await ask("select private.take_back_login_attempt($1, $2)", [which.map(([name]) => name), which.map(([, n]) => n)]);
  };
  return {
    async begin() {
      const row = await ask("select private.begin_login_attempt($1, $2) as until", [
        subjects.map(([subject]) => subject),
        subjects.map(([, free]) => free),
      ]);
      const until = row?.until ?? null;
      if (until === null) return;
      const seconds = Math.max(1, Math.ceil((until.getTime() - Date.now()) / 1000));
      throw new RowhouseError(
        "LIMIT_EXCEEDED",
        `Too many ${what}. Try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`,
        { details: { retryAfterSeconds: seconds } },
      );
    },
    takeBack,
    async succeeded() {
      const [[account], ...addresses] = subjects as [readonly [string, number]];
      await ask("select private.forget_login_failures($1)", [account]);
      await takeBack(addresses);
    },
  };
}
