import { createHash, randomBytes } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import type { Pool } from "pg";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import { sealedContext } from "../../lib/sealed-columns.ts";
import { openSecret, sealSecret } from "../../lib/sealed-secret.ts";
import { confirmPassword } from "./change-password.ts";
import { askIdentity } from "./identity-transaction.ts";
import { userThrottle } from "./login-throttle.ts";

/** What the second factor needs. */
export interface SecondFactorContext {
  readonly pool: Pool;
  readonly config: Config;
}

const periodSeconds = 30;
const recoveryCodeCount = 10;
const contextOf = (userId: string) => sealedContext("user_totp", userId);
const hashOf = (code: string) => createHash("sha256").update(code).digest("hex");
const totpOf = (secret: string, label = "") =>
  new TOTP({ issuer: "Rowhouse", label, secret: Secret.fromBase32(secret), digits: 6, period: periodSeconds });

const wrongCode = () => new RowhouseError("FORBIDDEN", "This code is wrong, or was used before.", { field: "code" });

/** Makes the secret of a second factor, which counts once it is confirmed; it is told here and never again. */
export async function beginTotp(
  { pool, config }: SecondFactorContext,
  user: { readonly rowId: string; readonly email: string },
): Promise<{ secret: string; uri: string }> {
  const secret = new Secret({ size: 20 }).base32;
  const sealed = sealSecret(config, secret, contextOf(user.rowId));
  const row = await askIdentity<{ done: boolean }>(pool, "select private.begin_totp($1, $2) as done", [
    user.rowId,
    sealed,
  ]);
  if (row?.done !== true) {
    throw new RowhouseError("INVALID_STATE", "You have a second factor already. Remove it with disableTotp first.");
  }
  return { secret, uri: totpOf(secret, user.email).toString() };
}

/** Asks for the second factor from now on; returns the recovery codes, which are told here and never again. */
export async function confirmTotp(context: SecondFactorContext, userId: string, code: string): Promise<string[]> {
  const found = await find(context.pool, userId);
  if (found === undefined || found.is_confirmed) {
    throw new RowhouseError("INVALID_STATE", "There is no second factor to confirm. Begin with beginTotp.");
  }
  await throttled(context, userId, () => takesTotp(context, userId, found.sealed_secret, code));
  const codes = Array.from({ length: recoveryCodeCount }, () =>
    randomBytes(10)
      .toString("hex")
      .replace(/(.{5})(?=.)/g, "$1-"),
  );
  const row = await askIdentity<{ done: boolean }>(context.pool, "select private.confirm_totp($1, $2) as done", [
    userId,
    codes.map(hashOf),
  ]);
  if (row?.done !== true) throw new RowhouseError("CONFLICT", "The second factor was confirmed meanwhile.");
  return codes;
}

/** Removes the second factor of somebody who has the password and a code. */
export async function disableTotp(
  context: SecondFactorContext,
  userId: string,
  { password, code }: { readonly password: string; readonly code: string },
): Promise<void> {
  await confirmPassword(context.pool, userId, password, "password");
  await throttled(context, userId, async () => (await checkSecondFactor(context, userId, code)) === "right");
  await askIdentity(context.pool, "select private.drop_totp($1)", [userId]);
}

/** Whether a code is right for a user: a new one of the app, or a recovery code. "right" when the user has no second factor. */
export async function checkSecondFactor(
  context: SecondFactorContext,
  userId: string,
  code: string | null | undefined,
): Promise<"right" | "missing" | "wrong"> {
  const found = await find(context.pool, userId);
  if (found?.is_confirmed !== true) return "right";
  if (code == null) return "missing";
  const plain = code.trim().toLowerCase();
  if (/^\d{6}$/.test(plain)) return (await takesTotp(context, userId, found.sealed_secret, plain)) ? "right" : "wrong";
  const row = await askIdentity<{ done: boolean }>(context.pool, "select private.use_recovery_code($1, $2) as done", [
    userId,
    hashOf(plain),
  ]);
  return row?.done === true ? "right" : "wrong";
}

async function find(pool: Pool, userId: string): Promise<{ sealed_secret: Buffer; is_confirmed: boolean } | undefined> {
  return askIdentity(pool, "select * from private.find_totp($1)", [userId]);
}

/** Takes a code once: neither it nor an older one is taken again. */
async function takesTotp({ pool, config }: SecondFactorContext, userId: string, sealed: Buffer, code: string) {
  const timestamp = Date.now();
  const token = code.trim();
  if (!/^\d{6}$/.test(token)) return false;
  const delta = totpOf(openSecret(config, sealed, contextOf(userId))).validate({ token, timestamp, window: 1 });
  if (delta === null) return false;
  const step = Math.floor(timestamp / 1000 / periodSeconds) + delta;
  const row = await askIdentity<{ done: boolean }>(pool, "select private.use_totp_step($1, $2) as done", [
    userId,
    step,
  ]);
  return row?.done === true;
}

async function throttled({ pool }: SecondFactorContext, userId: string, isRight: () => Promise<boolean>) {
  const throttle = userThrottle(pool, `${userId}:code`);
  await throttle.begin();
  if (!(await isRight())) throw wrongCode();
  await throttle.succeeded();
}
