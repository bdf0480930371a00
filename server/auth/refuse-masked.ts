import { RowhouseError } from "../../lib/errors.ts";
import type { Session } from "./session.ts";

/** Refuses what cannot be masked, such as a file, to who sees e-mail addresses and phone numbers masked. */
export function refuseMasked({ isMasked }: Session, what: string): void {
  if (!isMasked) return;
  const message = `${what} e-mail addresses and phone numbers, which your tenant masks for viewers. Ask a member for it.`;
  throw new RowhouseError("FORBIDDEN", message);
}
