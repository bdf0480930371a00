import { RowhouseError } from "../../lib/errors.ts";
import { verifyPassword } from "../../lib/password.ts";
import { findLogin, type Identity } from "./identity.ts";
import { loginThrottle } from "./login-throttle.ts";
import { checkSecondFactor, type SecondFactorContext } from "./second-factor.ts";
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
 * after the same work, and of a second factor only to who knows the password; LIMIT_EXCEEDED after too many failures.
 */
export async function checkCredentials(
  context: SecondFactorContext,
  { email, password, code }: Proof,
  client: ClientInfo,
): Promise<Identity> {
  const { pool } = context;
  const throttle = loginThrottle(pool, email, client);
  await throttle.begin();
  const found = email.includes("\0") ? undefined : await findLogin(pool, email);
  const isRight = await verifyPassword(found?.passwordHash, password);
  if (found === undefined || !isRight) {
    throw new RowhouseError("UNAUTHENTICATED", "The e-mail address or the password is wrong.");
  }
  const factor = await checkSecondFactor(context, found.identity.user.rowId, code);
  if (factor !== "right") {
    // Whoever has only the password guesses no longer than whoever has not even that.
    if (factor === "missing") await throttle.takeBack();
    throw new RowhouseError(
      "UNAUTHENTICATED",
      factor === "missing"
        ? "This account has a second factor. Log in with a code of it, too."
        : "The code of the second factor is wrong, or was used before.",
      { field: "code", details: { reason: factor === "missing" ? "second_factor_required" : "second_factor_wrong" } },
    );
  }
  await throttle.succeeded();
  return found.identity;
}
