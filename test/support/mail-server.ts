import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { until } from "./until.ts";

/** A mail as a server got it. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Header lines, unfolded. */
  readonly headers: string;
  /** The text, decoded. */
  readonly text: string;
}

/** A mail server of the test. */
export interface MailServer {
  readonly url: string;
  readonly mails: readonly ReceivedMail[];
  /** Refuses the next mails, so many of them. */
  refuseNext(count: number): void;
  /** The n-th mail to an address, waited for. */
  mailTo(address: string, n?: number): Promise<ReceivedMail>;
  /** The token in the link of the n-th mail to an address. */
  tokenTo(address: string, n?: number): Promise<string>;
  close(): Promise<void>;
}

/** Starts a server that takes every mail and keeps it. */
export async function startMailServer(): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  let refusals = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (refusals > 0) {
          refusals -= 1;
          return done(Object.assign(new Error("Try again later"), { responseCode: 451 }));
        }
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom ? mailFrom.address : "",
          to: rcptTo.map(({ address }) => address),
          ...parsed(Buffer.concat(chunks).toString("utf8")),
        });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  const mailTo = (address: string, n = 1) =>
    until(
      `mail ${n} to ${address} has come`,
      async () => mails.filter(({ to }) => to.includes(address))[n - 1],
      10_000,
    );
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    refuseNext: (count) => void (refusals = count),
    mailTo,
    async tokenTo(address, n) {
      const { text } = await mailTo(address, n);
      return /#token=(rht_[\w-]{43})/.exec(text)![1]!;
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

function parsed(source: string): Pick<ReceivedMail, "headers" | "text"> {
  const [head = "", ...rest] = source.split("\r\n\r\n");
  const headers = head.replace(/\r\n[ \t]+/g, " ");
  const body = rest.join("\r\n\r\n");
  if (!/content-transfer-encoding: quoted-printable/i.test(headers)) return { headers, text: body };
  const bytes = body
    .replace(/=\r\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return { headers, text: Buffer.from(bytes, "latin1").toString("utf8") };
}
