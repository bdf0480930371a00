import { RowhouseError } from "../../lib/errors.ts";
import { hashPassword } from "../../lib/password.ts";
import { checkCredentials } from "./check-credentials.ts";
import { askIdentity } from "./identity-transaction.ts";
import { type Login, type LoginContext, switchTenant } from "./log-in.ts";
import { badToken, mailedTokenHash } from "./mailed-token.ts";
import { checkName, checkNewPassword } from "./new-password.ts";
import type { ClientInfo } from "./sessions.ts";

/** What an invitation is accepted with. */
export interface Acceptance {
  readonly token: string;
  /** Of a new user. */
  readonly name?: string | null;
  /** Of the user who has the address, or the one that a new user chooses. */
  readonly password?: string | null;
  /** Of the second factor, when the user has one. */
  readonly code?: string | null;
}

interface Invitation {
  readonly tenant_slug: string;
  readonly email: string;
  readonly state: "open" | "accepted" | "revoked" | "expired" | "suspended" | "closed";
  readonly user_id: string | null;
}

const refused = () => badToken("invitation", "Ask whoever invited you to send it again.");

/**
 * Makes whoever was invited a member, and signs them in to the tenant. A user who has the address must be signed in or
 * give the password: the mail alone opens no account. Throws NOT_FOUND for a token that is not good (any more).
 */
export async function acceptInvitation(
  context: LoginContext,
  signedInAs: string | undefined,
  acceptance: Acceptance,
  client: ClientInfo,
): Promise<Login> {
  const { pool } = context;
  const hash = mailedTokenHash(acceptance.token);
  if (hash === undefined) throw refused();
  const found = await askIdentity<Invitation>(pool, "select * from private.find_invitation($1)", [hash]);
  if (found?.state !== "open") throw refused();

  const newcomer = found.user_id === null ? await newUser(acceptance) : undefined;
  if (found.user_id !== null && found.user_id !== signedInAs) {
    const { password, code } = acceptance;
    if (password == null) {
      throw new RowhouseError(
        "UNAUTHENTICATED",
        `There is an account with the address ${found.email}. Log in with it and accept again, or give its password.`,
        { field: "password", details: { reason: "password_required" } },
      );
    }
    await checkCredentials(context, { email: found.email, password, code }, client);
  }
  const accepted = await askIdentity<{ id: string | null }>(
    pool,
    "select private.accept_invitation($1, $2, $3, $4) as id",
    [hash, found.user_id, newcomer?.name ?? null, newcomer?.passwordHash ?? null],
  );
  if (accepted?.id == null) throw refused();
  return switchTenant(context, accepted.id, found.tenant_slug, client);
}

async function newUser({ name, password }: Acceptance): Promise<{ name: string; passwordHash: string }> {
  if (name == null || password == null) {
    const field = name == null ? "name" : "password";
    throw new RowhouseError("VALIDATION_FAILED", `You are new here: give a name and choose a password.`, { field });
  }
  const checked = checkName(name);
  checkNewPassword(password, "password");
  return { name: checked, passwordHash: await hashPassword(password) };
}
