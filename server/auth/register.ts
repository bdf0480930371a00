import type { Config } from "../../lib/config.ts";
import { normaliseEmail } from "../../lib/email-address.ts";
import { RowhouseError } from "../../lib/errors.ts";
import { hashPassword, verifyPassword } from "../../lib/password.ts";
import { askIdentity } from "./identity-transaction.ts";
import { type Login, type LoginContext, switchTenant } from "./log-in.ts";
import { throttleMails } from "./login-throttle.ts";
import { badToken, mailedTokenHash } from "./mailed-token.ts";
import { checkName, checkNewPassword } from "./new-password.ts";
import { requireMail } from "./require-mail.ts";
import type { ClientInfo } from "./sessions.ts";

/** A tenant to be, and who will own it. */
export interface Registration {
  readonly email: string;
  readonly password: string;
  readonly name: string;
  readonly tenantName: string;
  readonly tenantSlug: string;
}

const slugFormat = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether strangers may register. */
export function isRegistrationOpen({ registration, nodeEnv }: Config): boolean {
  return (registration ?? (nodeEnv === "production" ? "closed" : "open")) === "open";
}

/**
 * Keeps a registration and has a mail sent to its address. It does the same whether somebody has the address or not:
 * only who reads the mail gets to know.
 */
export async function register(context: LoginContext, given: Registration, client: ClientInfo): Promise<void> {
  const { pool, config } = context;
  if (!isRegistrationOpen(config)) {
    throw new RowhouseError("FORBIDDEN", "Registration is closed here. Ask an admin of your tenant to invite you.");
  }
  requireMail(config);
  const email = normaliseEmail(given.email);
  if (email === null) {
    throw new RowhouseError("VALIDATION_FAILED", "This is not an e-mail address such as ada@example.com.", {
      field: "email",
    });
  }
  if (!slugFormat.test(given.tenantSlug)) {
    throw new RowhouseError(
      "VALIDATION_FAILED",
      "A short name has 1 to 63 of the characters a-z, 0-9 and -, and neither begins nor ends with -.",
      { field: "tenantSlug" },
    );
  }
  checkNewPassword(given.password, "password");
  const names = [checkName(given.name), checkName(given.tenantName, "tenantName")];
  await throttleMails(pool, "register", email, client);
  const hash = await hashPassword(given.password);
  await askIdentity(pool, "select private.begin_registration($1, $2, $3, $4, $5)", [
    email,
    ...names,
    given.tenantSlug,
    hash,
  ]);
}

/**
 * Makes the tenant of a registration and its owner, and signs them in. Besides the token of the mail it wants the
 * password: whoever registered somebody else's address gets no account that its owner opened by a click.
 */
export async function confirmRegistration(
  context: LoginContext,
  { token, password }: { readonly token: string; readonly password: string },
  client: ClientInfo,
): Promise<Login> {
  const refused = () => badToken("registration", "Register again.");
  const hash = mailedTokenHash(token);
  if (hash === undefined) throw refused();
  const found = await askIdentity<{ tenant_slug: string; password_hash: string }>(
    context.pool,
    "select * from private.find_registration($1)",
    [hash],
  );
  if (found === undefined) throw refused();
  if (!(await verifyPassword(found.password_hash, password))) {
    throw new RowhouseError("UNAUTHENTICATED", "This is not the password that was chosen when registering.", {
      field: "password",
    });
  }
  const made = await askIdentity<{ id: string | null }>(context.pool, "select private.confirm_registration($1) as id", [
    hash,
  ]);
  if (made?.id == null) throw refused();
  return switchTenant(context, made.id, found.tenant_slug, client);
}
