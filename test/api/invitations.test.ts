import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { encodeTypeId } from "../../lib/type-id.ts";
import type { WorkerApp } from "../../worker/app.ts";
import { startTestWorker, testConfig } from "../support/jobs.ts";
import { type MailServer, startMailServer } from "../support/mail-server.ts";
import {
  createSomebody,
  type GraphqlAnswer,
  type Somebody,
  startTestServer,
  type TestServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let mail: MailServer;
let worker: WorkerApp;
let owner: Somebody;
let count = 0;

beforeAll(async () => {
  server = await startTestServer();
  mail = await startMailServer();
  const config = testConfig("data", { ROWHOUSE_SMTP_URL: mail.url, ROWHOUSE_APP_URL: "https://app.example.com/" });
  worker = await startTestWorker(server.database, { config });
  owner = await createSomebody(server, "owner");
});
afterAll(async () => {
  await worker?.stop();
  await mail?.close();
  await server?.remove();
});

const code = (answer: GraphqlAnswer) => answer.errors?.[0]?.extensions["code"];
const freshEmail = () => `guest${(count += 1)}@example.com`;
const password = "a password of ten letters";

const invite = (email: string, role = "MEMBER", token = owner.token()) =>
  server.post(
    `mutation($email: String!, $role: MembershipRole!) {
      createInvitation(input: { email: $email, role: $role }) { invitation { id email role expiresAt } }
    }`,
    { token, variables: { email, role } },
  );
const change = (verb: string, id: string, token = owner.token()) =>
  server.post(
    `mutation($id: ID!) { ${verb}(input: { invitationId: $id }) { invitation { id revokedAt expiresAt } } }`,
    {
      token,
      variables: { id },
    },
  );
const accept = (input: object, token?: string) =>
  server.post(
    `mutation($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { accessToken refreshToken role tenant { slug } user { email name } } }`,
    { variables: { input }, ...(token ? { token } : {}) },
  );
const idOf = (answer: GraphqlAnswer): string => answer.data.createInvitation.invitation.id;
const sql = async (text: string, values: unknown[] = []) => (await server.database.admin.query(text, values)).rows;

describe("an invitation", () => {
  it("is mailed, makes who follows its link a user and a member, and signs them in", async () => {
    const email = freshEmail();
    const { data } = await invite(` ${email.toUpperCase()} `, "MANAGER");
    expect(data.createInvitation.invitation).toMatchObject({ email, role: "MANAGER" });
    const sent = await mail.mailTo(email);
    expect(sent.headers).toMatch(new RegExp(`^Subject: You are invited to ${owner.slug}$`, "m"));
    expect(sent.text).toContain("https://app.example.com/accept-invitation#token=rht_");
    const answer = await accept({ token: await mail.tokenTo(email), name: " Guest ", password });
    expect(answer.data.acceptInvitation).toMatchObject({
      role: "MANAGER",
      tenant: { slug: owner.slug },
      user: { email, name: "Guest" },
    });
    const token: string = answer.data.acceptInvitation.accessToken;
    expect((await server.post("{ lists { nodes { rowId } } }", { token })).data.lists.nodes).toHaveLength(1);
    const login = await server.post(`mutation($input: LoginInput!) { login(input: $input) { role } }`, {
      variables: { input: { email, password, tenantSlug: owner.slug } },
    });
    expect(login.data.login.role).toBe("MANAGER");
  });

  it("works once", async () => {
    const email = freshEmail();
    await invite(email);
    const token = await mail.tokenTo(email);
    const both = await Promise.all([
      accept({ token, name: "One", password }),
      accept({ token, name: "Two", password }),
    ]);
    expect(both.filter((answer) => answer.data?.acceptInvitation)).toHaveLength(1);
    expect(code(await accept({ token, name: "Three", password }))).toBe("NOT_FOUND");
    expect(await sql("select from iam.users where email = $1", [email])).toHaveLength(1);
  });

  it("does not open the account of its address: who has one is signed in, or gives the password", async () => {
    const [ann, bob] = [await createSomebody(server), await createSomebody(server)];
    await invite(ann.email);
    const token = await mail.tokenTo(ann.email);
    const asked = await accept({ token, name: "Not Ann", password });
    expect(code(asked)).toBe("UNAUTHENTICATED");
    expect((await accept({ token })).errors![0]!.extensions).toMatchObject({
      code: "UNAUTHENTICATED",
      details: { reason: "password_required" },
    });
    expect(code(await accept({ token }, bob.token()))).toBe("UNAUTHENTICATED");
    expect((await accept({ token }, ann.token())).data.acceptInvitation).toMatchObject({
      tenant: { slug: owner.slug },
    });
    await invite(bob.email);
    const answer = await accept({ token: await mail.tokenTo(bob.email), password: bob.password });
    expect(answer.data.acceptInvitation.user).toEqual({ email: bob.email, name: "Zoë" });
  });

  it("wants a name and a password of some length from who is new", async () => {
    const email = freshEmail();
    await invite(email);
    const token = await mail.tokenTo(email);
    for (const [input, field] of [
      [{ password }, "name"],
      [{ name: "Guest" }, "password"],
      [{ name: " ", password }, "name"],
      [{ name: "Guest", password: "short" }, "password"],
    ] as const) {
      const { errors } = await accept({ token, ...input });
      expect(errors![0]!.extensions).toMatchObject({ code: "VALIDATION_FAILED", field });
    }
  });

  it("says the same of a token that is unknown, broken, expired or revoked", async () => {
    const [late, taken] = [freshEmail(), freshEmail()];
    await invite(late);
    const revoked = idOf(await invite(taken));
    const tokens = [await mail.tokenTo(late), await mail.tokenTo(taken), "", "\u0000", `rht_${"A".repeat(43)}`];
    await sql("update iam.invitations set expires_at = created_at + interval '1 microsecond' where email = $1", [late]);
    expect((await change("revokeInvitation", revoked)).data.revokeInvitation.invitation.revokedAt).toBeTruthy();
    const said = new Set<string>();
    for (const token of tokens) {
      const answer = await accept({ token, name: "Guest", password });
      expect(code(answer)).toBe("NOT_FOUND");
      said.add(answer.errors![0]!.message);
    }
    expect(said.size).toBe(1);
    expect(await sql("select from iam.users where email = any ($1)", [[late, taken]])).toHaveLength(0);
  });

  it("is sent again with another link, which replaces the first", async () => {
    const email = freshEmail();
    const id = idOf(await invite(email));
    const first = await mail.tokenTo(email);
    expect(code(await invite(email))).toBe("CONFLICT");
    expect((await change("resendInvitation", id)).data.resendInvitation.invitation.id).toBe(id);
    expect(code(await change("resendInvitation", id))).toBe("LIMIT_EXCEEDED");
    const second = await mail.tokenTo(email, 2);
    expect(code(await accept({ token: first, name: "Guest", password }))).toBe("NOT_FOUND");
    expect((await accept({ token: second, name: "Guest", password })).data.acceptInvitation).toBeTruthy();
    expect(code(await change("resendInvitation", id))).toBe("INVALID_STATE");
    expect(code(await change("revokeInvitation", id))).toBe("INVALID_STATE");
  });

  it("that has expired makes room for a new one", async () => {
    const email = freshEmail();
    await invite(email);
    await sql("update iam.invitations set expires_at = created_at + interval '1 microsecond' where email = $1", [
      email,
    ]);
    expect(idOf(await invite(email))).toMatch(/^invite_/);
  });
});

describe("who may invite", () => {
  it("is an admin, up to their own role", async () => {
    expect(code(await invite(freshEmail(), "VIEWER", owner.token("manager")))).toBe("FORBIDDEN");
    expect(code(await invite(freshEmail(), "OWNER", owner.token("admin")))).toBe("FORBIDDEN");
    expect(idOf(await invite(freshEmail(), "ADMIN", owner.token("admin")))).toBeTruthy();
    const above = idOf(await invite(freshEmail(), "OWNER"));
    for (const verb of ["resendInvitation", "revokeInvitation"])
      expect(code(await change(verb, above, owner.token("admin")))).toBe("FORBIDDEN");
  });

  it("does not reach the invitations of another tenant", async () => {
    const id = idOf(await invite(freshEmail()));
    const stranger = await createSomebody(server, "owner");
    for (const verb of ["resendInvitation", "revokeInvitation"])
      expect(code(await change(verb, id, stranger.token()))).toBe("NOT_FOUND");
  });

  it("is refused for members and for what is no address", async () => {
    expect(code(await invite(owner.email))).toBe("CONFLICT");
    for (const email of ["", "nobody", "a@b\r\nBcc: c@d", "a@b,c@d", "Ann <a@b>", `${"a".repeat(300)}@b`])
      expect(code(await invite(email))).toBe("VALIDATION_FAILED");
  });

  it("is nobody any more when the membership has ended: their open invitations are taken back", async () => {
    const admin = await createSomebody(server, "admin");
    await sql("select private.create_user($1, $2, 'Owner', 'owner', 'x')", [admin.tenantId, owner.email]);
    const id = idOf(await invite(freshEmail(), "ADMIN", admin.token()));
    await sql("update iam.memberships set deleted_at = now() where tenant_id = $1 and role = 'admin'", [
      admin.tenantId,
    ]);
    const rows = await sql("select id, revoked_at from iam.invitations where tenant_id = $1", [admin.tenantId]);
    expect(rows).toMatchObject([{ revoked_at: expect.any(Date) }]);
    expect(encodeTypeId("invite", rows[0].id)).toBe(id);
  });
});

it("A token is in no table, no job and no log: only its hash is", async () => {
  const email = freshEmail();
  await invite(email);
  const token = await mail.tokenTo(email);
  await until(
    "the mail is forgotten",
    async () => (await sql("select from private.mails where address = $1", [email])).length === 0,
  );
  const rows = await sql(`select t::text as line from private.invitation_tokens t
    union all select m::text from private.mails m union all select j::text from graphile_worker._private_jobs j`);
  expect(rows.length).toBeGreaterThan(0);
  expect(JSON.stringify(rows)).not.toContain(token.slice(4));
  expect(JSON.stringify(server.logged)).not.toContain(token.slice(4));
});
