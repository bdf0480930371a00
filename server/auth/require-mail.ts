import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";

/** Throws INVALID_STATE where no mail can be sent, whoever it is for: production without a mail server. */
export function requireMail({ nodeEnv, smtpUrl }: Pick<Config, "nodeEnv" | "smtpUrl">): void {
  if (nodeEnv !== "production" || smtpUrl !== undefined) return;
  throw new RowhouseError(
    "INVALID_STATE",
    "This server cannot send mails yet. Whoever runs it has to set ROWHOUSE_SMTP_URL for the server and the worker.",
  );
}
