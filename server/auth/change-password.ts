import { escapeLiteral, type Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { hashPassword, passwordLengthMax, verifyPassword } from "../../lib/password.ts";
import { withTransaction } from "../../lib/tenant-transaction.ts";
import { currentRequest, currentSession } from "../http/request-scope.ts";
import { pgSettings } from "./session.ts";

/** The fewest characters a new password may have. */
export const passwordLengthMin = 10;

/** Opens a transaction that may look at credentials; the claims tell the audit log who it was. */
function begin(): string {
  const { requestId, client } = currentRequest() ?? {};
  const settings = pgSettings(currentSession(), { requestId, ipAddress: client?.ipAddress });
  return `begin; select ${Object.entries({ ...settings, role: "rowhouse_identity" })
    .map(([name, value]) => `set_config('${name}', ${escapeLiteral(value)}, true)`)
    .join(", ")}`;
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
  const length = [...newPassword].length;
  if (length < passwordLengthMin || length > passwordLengthMax) {
    throw new RowhouseError(
      "VALIDATION_FAILED",
      `A password has ${passwordLengthMin} to ${passwordLengthMax} characters; this one has ${length}.`,
      { field: "newPassword" },
    );
  }
  const ask = async <T>(sql: string, values: unknown[]): Promise<T> =>
    withTransaction(pool, begin(), async (client) => (await client.query<{ value: T }>(sql, values)).rows[0]!.value);
  const hash = await ask<string | null>("select private.password_hash($1) as value", [userId]);
  if (!(await verifyPassword(hash, currentPassword))) {
    throw new RowhouseError("FORBIDDEN", "The current password is wrong.", { field: "currentPassword" });
  }
  const next = await hashPassword(newPassword);
  // Only if nobody else changed it meanwhile: the password that was checked must still be the one that is replaced.
  const ended = await ask<number | null>("select private.change_password($1, $2, $3, $4) as value", [
    userId,
    hash,
    next,
    sessionId ?? null,
  ]);
  if (ended === null) throw new RowhouseError("CONFLICT", "The password was changed meanwhile. Try again.");
  return ended;
}
