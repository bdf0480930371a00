import { RowhouseError } from "../../lib/errors.ts";
import { passwordLengthMax } from "../../lib/password.ts";

/** The fewest characters a new password may have. */
export const passwordLengthMin = 10;

/** Throws VALIDATION_FAILED for a new password that is too short or too long. */
export function checkNewPassword(password: string, field = "newPassword"): void {
  const length = [...password].length;
  if (length >= passwordLengthMin && length <= passwordLengthMax) return;
  throw new RowhouseError(
    "VALIDATION_FAILED",
    `A password has ${passwordLengthMin} to ${passwordLengthMax} characters; this one has ${length}.`,
    { field },
  );
}

/** The trimmed name of a new user; throws VALIDATION_FAILED when it is empty or endless. */
export function checkName(name: string, field = "name"): string {
  const trimmed = name.trim();
  if (trimmed.length >= 1 && trimmed.length <= 200 && !trimmed.includes("\0")) return trimmed;
  throw new RowhouseError("VALIDATION_FAILED", "A name has 1 to 200 characters.", { field });
}
