import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTransport, type SendMailOptions } from "nodemailer";
import type { Config } from "../../lib/config.ts";
import { SetupError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";

/** A mail as it is sent: plain text to one address. */
export interface Mail {
  /** Tells mails apart, and names the file where there is no mail server. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** The settings that sending needs. */
export type MailSettings = Pick<Config, "smtpUrl" | "mailFrom" | "nodeEnv" | "dataDir">;

/** How long a mail server may take to answer, in milliseconds. */
const answerMs = 30_000;

/**
 * Sends a mail through the server of the settings. Without one, it is written to the log and to a file, for whoever
 * develops; in production that is refused, because a log is no place for the links in mails.
 */
export async function sendMail(settings: MailSettings, log: Log, mail: Mail): Promise<void> {
  const { smtpUrl, mailFrom, nodeEnv } = settings;
  if (nodeEnv === "production" && (smtpUrl === undefined || mailFrom === undefined)) {
    const missing = smtpUrl === undefined ? "ROWHOUSE_SMTP_URL" : "ROWHOUSE_MAIL_FROM";
    throw new SetupError(
      `Mails cannot be sent: ${missing} is not set. Set it and start the worker again; what waits is sent then.`,
    );
  }
  const { id, to, subject, text } = mail;
  const message: SendMailOptions = {
    from: mailFrom ?? "Rowhouse <no-reply@localhost>",
    // An object, so that nothing in it is read as a second address.
    to: { name: "", address: to },
    subject,
    text,
    messageId: `<${id}@rowhouse>`,
    headers: { "Auto-Submitted": "auto-generated" },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
  if (smtpUrl === undefined) return keep(settings, log, mail, message);
  const timeouts = { connectionTimeout: answerMs, greetingTimeout: answerMs, socketTimeout: answerMs };
  const transport = createTransport({ url: smtpUrl, ...timeouts });
  try {
    await transport.sendMail(message);
  } finally {
    transport.close();
  }
}

async function keep({ dataDir }: MailSettings, log: Log, mail: Mail, message: SendMailOptions): Promise<void> {
  const { message: eml } = await createTransport({ streamTransport: true, buffer: true }).sendMail(message);
  const folder = join(dataDir, "mails");
  const file = join(folder, `${mail.id}.eml`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(file, eml as Buffer, { mode: 0o600 });
  log.info({ to: mail.to, file }, `no mail server is set; the mail reads:\n${mail.subject}\n\n${mail.text}`);
}
