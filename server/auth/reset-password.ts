import type { Pool } from "pg";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import { normaliseEmail } from "../../lib/email-address.ts";
import { hashPassword } from "../../lib/password.ts";
import { askIdentity } from "./identity-transaction.ts";
import { throttleMails } from "./login-throttle.ts";
import { badToken, mailedTokenHash } from "./mailed-token.ts";
import { checkNewPassword } from "./new-password.ts";
import { requireMail } from "./require-mail.ts";
import type { ClientInfo } from "./sessions.ts";

/**
 * Has the link for a new password sent to an address. It looks for no user: the worker does, so that neither answer nor
 * time tells whether there is one.
 */
export async function requestPasswordReset(
  { pool, config }: { readonly pool: Pool; readonly config: Config },
  given: string,
  client: ClientInfo,
): Promise<void> {
  requireMail(config);
  const email = normaliseEmail(given);
  if (email === null) {
    throw new RowhouseError("VALIDATION_FAILED", "This is not an e-mail address such as ada@example.com.", {
      field: "email",
    });
  }
  await throttleMails(pool, "reset", email, client);
  await askIdentity(pool, "select private.queue_mail('password_reset', $1, null, null)", [email]);
}

/** Sets a new password for who holds the token of a reset, and ends all of their sessions. */
export async function resetPassword(
  pool: Pool,
  { token, newPassword }: { readonly token: string; readonly newPassword: string },
): Promise<void> {
  const refused = () => badToken("link", "Ask for another one with requestPasswordReset.");
  checkNewPassword(newPassword);
  const hash = mailedTokenHash(token);
  if (hash === undefined) throw refused();
  const next = await hashPassword(newPassword);
  const row = await askIdentity<{ done: boolean }>(pool, "select private.reset_password($1, $2) as done", [hash, next]);
  if (row?.done !== true) throw refused();
}
