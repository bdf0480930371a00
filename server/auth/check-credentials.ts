import type { Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { verifyPassword } from "../../lib/password.ts";
import { findLogin, type Identity } from "./identity.ts";
import { loginThrottle } from "./login-throttle.ts";
import type { ClientInfo } from "./sessions.ts";

/** How somebody shows who they are. */
export interface Proof {
  readonly email: string;
  readonly password: string;
  /** Of the second factor, when the user has one. */
  readonly code?: string | null | undefined;
}

/**
 * Who somebody is who gives an address and its password. Throws UNAUTHENTICATED with one message whatever was wrong,
 * after the same work; LIMIT_EXCEEDED after too many failures.
 */
export async function checkCredentials(pool: Pool, { email, password }: Proof, client: ClientInfo): Promise<Identity> {
  const throttle = loginThrottle(pool, email, client);
  await throttle.check();
  const found = email.includes("\0") ? undefined : await findLogin(pool, email);
  const isRight = await verifyPassword(found?.passwordHash, password);
  if (found === undefined || !isRight) {
    await throttle.failed();
    throw new RowhouseError("UNAUTHENTICATED", "The e-mail address or the password is wrong.");
  }
  await throttle.succeeded();
  return found.identity;
}
