import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import { SetupError } from "../../lib/errors.ts";
import { defineHouseTask } from "../define-house-task.ts";
import { composeMail, type MailFacts } from "../mails/compose-mail.ts";
import { sendMail as send } from "../mails/mail-transport.ts";
import { Redeliver } from "../outcomes.ts";

type OpenMail = MailFacts & { readonly address: string };

/**
 * Writes and sends a mail. The token in its link is made here and only its hash is kept, so that neither the queue nor
 * a log ever holds one; an attempt that failed leaves a token that nobody knows.
 */
export const sendMail = defineHouseTask(
  "send_mail",
  z.object({ mailId: z.uuid() }),
  async ({ pool, config, log }, { mailId }) => {
    const token = `rht_${randomBytes(32).toString("base64url")}`;
    const { rows } = await pool.query<OpenMail>("select * from private.open_mail($1, $2)", [
      mailId,
      createHash("sha256").update(token).digest("hex"),
    ]);
    const mail = rows[0];
    if (mail) {
      const words = composeMail(mail, token, config.appUrl ?? config.publicUrl);
      await send(config, log, { id: mailId, to: mail.address, ...words }).catch((error: unknown) => {
        const { code, responseCode, command } = error as { code?: string; responseCode?: number; command?: string };
        const reason = error instanceof SetupError ? error.message : "the mail server did not take it";
        log.error({ mailId, code, responseCode, command }, `a mail was not sent: ${reason}`);
        // What the queue keeps names neither address nor server.
        throw new Redeliver(
          error instanceof SetupError ? error.message : `The mail was not sent (${code ?? "error"}).`,
        );
      });
    }
    await pool.query("select private.close_mail($1)", [mailId]);
    log.info({ mailId, kind: mail?.kind }, mail ? "mail sent" : "there is no reason for this mail any more");
  },
);
