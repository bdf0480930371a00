import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { pino } from "pino";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, queueRows, skipPauses, startTestWorker, testConfig } from "../support/jobs.ts";
import { type MailServer, startMailServer } from "../support/mail-server.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let mail: MailServer;
let folder: string;
let tenantId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  mail = await startMailServer();
  folder = await mkdtemp(join(tmpdir(), "mails-"));
  ({ tenantId } = await createTenant(database));
});
afterAll(async () => {
  await mail?.close();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Queues the mail of a new invitation as the API does. */
async function queueInvitation(email: string): Promise<void> {
  await database.admin.query(
    `with invitation as (insert into iam.invitations (tenant_id, email) values ($1, $2) returning tenant_id, id, email)
     select private.queue_mail('invitation', email, tenant_id, id) from invitation`,
    [tenantId, email],
  );
}

/** Runs a worker with these settings while `work` goes on; the lines that it logged. */
async function withWorker(settings: Record<string, string>, work: (logged: string[]) => Promise<void>): Promise<void> {
  const logged: string[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void logged.push(line) });
  const worker = await startTestWorker(database, { config: testConfig(folder, settings), log });
  try {
    await work(logged);
  } finally {
    await worker.stop();
  }
}

const isDone = async () => (await queueRows(database)).length === 0;

describe("a mail", () => {
  it("that the server does not take is sent later, and neither queue nor log names its address or token", async () => {
    mail.refuseNext(1);
    await queueInvitation("later@example.com");
    await withWorker({ ROWHOUSE_SMTP_URL: mail.url }, async (logged) => {
      const failed = await until("an attempt failed", async () => {
        const [job] = (await queueRows(database)) as unknown as { last_error: string | null }[];
        return job?.last_error ? job : undefined;
      });
      expect(failed.last_error).toContain("The mail was not sent");
      expect(JSON.stringify(failed)).not.toContain("later@example.com");
      await skipPauses(database);
      const { to } = await mail.mailTo("later@example.com");
      expect(to).toEqual(["later@example.com"]);
      const token = await mail.tokenTo("later@example.com");
      await until("the job is gone", isDone);
      expect(logged.join("")).not.toContain(token);
      expect(logged.join("")).not.toContain("later@example.com");
    });
    expect((await database.admin.query("select from private.mails")).rows).toEqual([]);
  });

  it("about an invitation that was revoked meanwhile is not sent", async () => {
    await queueInvitation("revoked@example.com");
    await database.admin.query("update iam.invitations set revoked_at = now() where email = 'revoked@example.com'");
    await withWorker({ ROWHOUSE_SMTP_URL: mail.url }, () => until("the job is gone", isDone).then(() => {}));
    expect(mail.mails.filter(({ to }) => to.includes("revoked@example.com"))).toEqual([]);
  });

  it("keeps to its lines, whatever a tenant calls itself", async () => {
    const name = "Evil\r\nBcc: victim@example.com\r\n\r\nhttps://evil.example.com/login";
    await database.admin.query("update iam.tenants set name = $2 where id = $1", [tenantId, name]);
    await queueInvitation("lines@example.com");
    await withWorker({ ROWHOUSE_SMTP_URL: mail.url }, async () => {
      const { to, headers, text } = await mail.mailTo("lines@example.com");
      expect(to).toEqual(["lines@example.com"]);
      expect(headers).not.toMatch(/^Bcc:/m);
      expect(text).not.toContain("evil.example.com");
    });
  });

  it("is written to the log and to a file that only its owner may read, where no mail server is set", async () => {
    await queueInvitation("file@example.com");
    await withWorker({}, async (logged) => {
      await until("the job is gone", isDone);
      expect(logged.join("")).toContain("/accept-invitation#token=rht_");
    });
    const [file] = await readdir(join(folder, "mails"));
    expect(await readFile(join(folder, "mails", file!), "utf8")).toMatch(/^To: file@example.com\r?$/m);
    expect((await stat(join(folder, "mails", file!))).mode & 0o077).toBe(0);
  });

  it("waits in production until a mail server and a sender are set, and the log says so", async () => {
    await queueInvitation("production@example.com");
    for (const [settings, missing] of [
      [{}, "ROWHOUSE_SMTP_URL is not set"],
      [{ ROWHOUSE_SMTP_URL: mail.url }, "ROWHOUSE_MAIL_FROM is not set"],
    ] as const) {
      await withWorker({ NODE_ENV: "production", ...settings }, async (logged) => {
        await until("the worker has said so", async () => logged.join("").includes(missing));
        expect(logged.join("")).not.toContain("rht_");
      });
      await skipPauses(database);
    }
    const complete = { ROWHOUSE_SMTP_URL: mail.url, ROWHOUSE_MAIL_FROM: "Rowhouse <hello@example.com>" };
    await withWorker({ NODE_ENV: "production", ...complete }, async () => {
      expect((await mail.mailTo("production@example.com")).from).toBe("hello@example.com");
      await until("the job is gone", isDone);
    });
  });
});
