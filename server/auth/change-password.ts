import type { Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { hashPassword, verifyPassword } from "../../lib/password.ts";
import { askIdentity } from "./identity-transaction.ts";
import { userThrottle } from "./login-throttle.ts";
import { checkNewPassword } from "./new-password.ts";

/**
 * The hash of the password of somebody who is signed in and knows it. Throws FORBIDDEN for a wrong one, LIMIT_EXCEEDED
 * after too many: whoever holds a stolen token cannot guess on.
 */
export async function confirmPassword(pool: Pool, userId: string, password: string, field: string): Promise<string> {
  const throttle = userThrottle(pool, userId);
  await throttle.begin();
  const row = await askIdentity<{ hash: string | null }>(pool, "select private.password_hash($1) as hash", [userId]);
  if (!(await verifyPassword(row?.hash, password))) {
    throw new RowhouseError("FORBIDDEN", "The current password is wrong.", { field });
  }
  await throttle.succeeded();
  return row!.hash!;
}

/**
 * Changes the password of a user who knows the present one, and ends all of their sessions but the one it is done in;
 * returns how many it ended. Throws FORBIDDEN for a wrong password, VALIDATION_FAILED for a new one that is too short.
 */
export async function changePassword(
  pool: Pool,
  userId: string,
  sessionId: string | undefined,
  { currentPassword, newPassword }: { currentPassword: string; newPassword: string },
): Promise<number> {
  checkNewPassword(newPassword);
  const hash = await confirmPassword(pool, userId, currentPassword, "currentPassword");
  const next = await hashPassword(newPassword);
  // Only if nobody else changed it meanwhile: the password that was checked must still be the one that is replaced.
  const row = await askIdentity<{ ended: number | null }>(
    pool,
    "select private.change_password($1, $2, $3, $4) as ended",
    [userId, hash, next, sessionId ?? null],
  );
  if (row?.ended == null) throw new RowhouseError("CONFLICT", "The password was changed meanwhile. Try again.");
  return row.ended;
}
