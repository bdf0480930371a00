import { createHash } from "node:crypto";
import { RowhouseError } from "../../lib/errors.ts";

const format = /^rht_[A-Za-z0-9_-]{43}$/;

/** The hash under which a token that was mailed is known; undefined for what cannot be one. */
export function mailedTokenHash(token: string): string | undefined {
  return format.test(token) ? createHash("sha256").update(token).digest("hex") : undefined;
}

/** The refusal of a token that is unknown, used or expired: one for all of them. */
export function badToken(what: string, remedy: string): RowhouseError {
  return new RowhouseError(
    "NOT_FOUND",
    `This ${what} is not valid any more: it was used, replaced, or has expired. ${remedy}`,
    {
      field: "token",
    },
  );
}
