import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { WorkerApp } from "../../worker/app.ts";
import { startTestWorker, testConfig } from "../support/jobs.ts";
import { type MailServer, startMailServer } from "../support/mail-server.ts";
import type { GraphqlAnswer, Somebody, TestServer } from "../support/server.ts";

/** How often a password was hashed or compared with a hash: what takes the time of these mutations. */
let work = 0;
const argon2 = await import("@node-rs/argon2");
jest.unstable_mockModule("@node-rs/argon2", () => ({
  ...argon2,
  hash: (...given: Parameters<typeof argon2.hash>) => ((work += 1), argon2.hash(...given)),
  verify: (...given: Parameters<typeof argon2.verify>) => ((work += 1), argon2.verify(...given)),
}));
const { createSomebody, startTestServer } = await import("../support/server.ts");

let server: TestServer;
let mail: MailServer;
let worker: WorkerApp;
let count = 0;

beforeAll(async () => {
  server = await startTestServer();
  mail = await startMailServer();
  const config = testConfig("data", { ROWHOUSE_SMTP_URL: mail.url });
  worker = await startTestWorker(server.database, { config });
});
afterAll(async () => {
  await worker?.stop();
  await mail?.close();
  await server?.remove();
});

const code = (answer: GraphqlAnswer) => answer.errors?.[0]?.extensions["code"];
const sql = async (text: string, values: unknown[] = []) => (await server.database.admin.query(text, values)).rows;
const password = "a password of ten letters";

/** What is told about a person does not depend on how busy this address was in earlier tests. */
const forgetAttempts = () => sql("delete from private.login_attempts");

async function send(name: string, type: string, fields: string, input: object, at = server) {
  return at.post(`mutation($input: ${type}!) { ${name}(input: $input) { ${fields} } }`, { variables: { input } });
}
const login = (email: string, secret = password) =>
  send("login", "LoginInput", "role user { email }", { email, password: secret });
const reset = (email: string) => send("requestPasswordReset", "RequestPasswordResetInput", "isMailSent", { email });
const setPassword = (token: string, newPassword: string) =>
  send("resetPassword", "ResetPasswordInput", "isPasswordSet", { token, newPassword });
const confirm = (token: string, secret = password) =>
  send(
    "confirmRegistration",
    "ConfirmRegistrationInput",
    "accessToken refreshToken role tenant { slug name } user { email name }",
    {
      token,
      password: secret,
    },
  );
function registration(extra: object = {}) {
  const slug = `new-${(count += 1)}`;
  return { email: `${slug}@example.com`, password, name: "Ada", tenantName: "Ada Ltd", tenantSlug: slug, ...extra };
}
const register = (input: object, at = server) => send("register", "RegisterInput", "isMailSent", input, at);
/** The answer without what differs each time, and the work that was done for it. */
async function measured(run: () => Promise<GraphqlAnswer>) {
  const before = work;
  const { status, data, errors } = await run();
  const said = errors?.map(({ message, extensions }) => ({
    message,
    code: extensions["code"],
    field: extensions["field"],
  }));
  return { status, data, said, work: work - before };
}

describe("register", () => {
  it("mails a link that, with the password, makes a tenant and its owner and signs them in", async () => {
    await forgetAttempts();
    const input = registration();
    expect((await register(input)).data.register).toEqual({ isMailSent: true });
    expect(await sql("select from iam.tenants where slug = $1", [input.tenantSlug])).toEqual([]);
    const token = await mail.tokenTo(input.email);
    expect(code(await confirm(token, "another password"))).toBe("UNAUTHENTICATED");
    const { data } = await confirm(token);
    expect(data.confirmRegistration).toMatchObject({
      role: "OWNER",
      tenant: { slug: input.tenantSlug, name: "Ada Ltd" },
      user: { email: input.email, name: "Ada" },
      refreshToken: expect.any(String),
    });
    const seen = await server.post("{ lists { nodes { id } } }", { token: data.confirmRegistration.accessToken });
    expect(seen.data.lists.nodes).toEqual([]);
    expect(code(await confirm(token))).toBe("NOT_FOUND");
    expect((await login(input.email)).data.login.user.email).toBe(input.email);
  });

  it("answers the same, after the same work, for an address that is taken; its owner is told by mail", async () => {
    await forgetAttempts();
    const ann: Somebody = await createSomebody(server);
    const [fresh, taken] = [registration(), registration({ email: ann.email.toUpperCase() })];
    expect(await measured(() => register(taken))).toEqual(await measured(() => register(fresh)));
    const told = await mail.mailTo(ann.email);
    expect(told.text).toContain("There is an account with this address already");
    expect(told.text).not.toContain("rht_");
    expect(await sql("select from private.registrations where email = $1", [ann.email])).toEqual([]);
  });

  it("refuses a short name that is taken, now or by the time of the confirmation", async () => {
    await forgetAttempts();
    const ann: Somebody = await createSomebody(server);
    const refused = await register(registration({ tenantSlug: ann.slug }));
    expect(refused.errors![0]!.extensions).toMatchObject({ code: "CONFLICT", field: "tenantSlug" });
    const input = registration();
    await register(input);
    const token = await mail.tokenTo(input.email);
    await sql("select private.create_tenant('Quicker', $1)", [input.tenantSlug]);
    expect(code(await confirm(token))).toBe("CONFLICT");
    expect(await sql("select from iam.users where email = $1", [input.email])).toEqual([]);
  });

  it("checks what it is given, and says no to a link that has expired", async () => {
    await forgetAttempts();
    for (const [extra, field] of [
      [{ email: "nobody" }, "email"],
      [{ password: "short" }, "password"],
      [{ name: " " }, "name"],
      [{ tenantName: "" }, "tenantName"],
      [{ tenantSlug: "Not A Slug" }, "tenantSlug"],
    ] as const) {
      const { errors } = await register(registration(extra));
      expect(errors![0]!.extensions).toMatchObject({ code: "VALIDATION_FAILED", field });
    }
    const input = registration();
    await register(input);
    const token = await mail.tokenTo(input.email);
    await sql("update private.registrations set expires_at = now() where email = $1", [input.email]);
    for (const bad of [token, "", `rht_${"A".repeat(43)}`]) expect(code(await confirm(bad))).toBe("NOT_FOUND");
  });

  it("is slowed down for whoever asks again and again", async () => {
    await forgetAttempts();
    const email = "again@example.com";
    const codes: unknown[] = [];
    for (let i = 0; i < 8; i += 1) codes.push(code(await register(registration({ email }))));
    expect(codes).toContain("LIMIT_EXCEEDED");
  });

  it("can be closed, and is in production unless opened", async () => {
    const settingsOf: Record<string, string>[] = [{ ROWHOUSE_REGISTRATION: "closed" }, { NODE_ENV: "production" }];
    for (const settings of settingsOf) {
      const closed = await startTestServer(settings, server.database);
      const answer = await register(registration(), closed).finally(() => closed.close());
      expect(code(answer)).toBe("FORBIDDEN");
      expect(answer.errors![0]!.message).toContain("Registration is closed here");
    }
  });
});

describe("a forgotten password", () => {
  it("is replaced once with the token of the mail, which ends every session", async () => {
    await forgetAttempts();
    const ann: Somebody = await createSomebody(server);
    const signedIn = await send("login", "LoginInput", "accessToken refreshToken", {
      email: ann.email,
      password: ann.password,
      tenantSlug: ann.slug,
    });
    await reset(ann.email);
    await reset(ann.email);
    const [first, second] = [await mail.tokenTo(ann.email), await mail.tokenTo(ann.email, 2)];
    expect(code(await setPassword(first, "short"))).toBe("VALIDATION_FAILED");
    const both = await Promise.all([setPassword(first, password), setPassword(first, password)]);
    expect(both.filter(({ data }) => data?.resetPassword)).toHaveLength(1);
    for (const token of [first, second]) expect(code(await setPassword(token, "one more password"))).toBe("NOT_FOUND");
    const { accessToken, refreshToken } = signedIn.data.login;
    expect(code(await server.post("{ me { role } }", { token: accessToken }))).toBe("UNAUTHENTICATED");
    expect(code(await send("refresh", "RefreshInput", "role", { refreshToken }))).toBe("UNAUTHENTICATED");
    expect(code(await login(ann.email, ann.password))).toBe("UNAUTHENTICATED");
    expect((await login(ann.email)).data.login.user.email).toBe(ann.email);
    const { rows } = await server.database.admin.query(
      `select action, coalesce(new_values, old_values) ->> 'token_hash' as hash, entity_id = $2 as "isHers"
       from audit.audit_logs where tenant_id = $1 and entity_type = 'password_reset_tokens' order by id`,
      [ann.tenantId, ann.userId],
    );
    const entry = (action: string) => ({ action, hash: "[redacted]", isHers: true });
    expect(rows).toEqual([entry("create"), entry("create"), entry("delete"), entry("delete")]);
  });

  it("is not replaced with a token that has expired, is unknown, or was made for something else", async () => {
    await forgetAttempts();
    const ann: Somebody = await createSomebody(server);
    await reset(ann.email);
    const token = await mail.tokenTo(ann.email);
    const other = registration();
    await register(other);
    const tokens = [token, await mail.tokenTo(other.email), "", "\u0000", `rht_${"A".repeat(43)}`];
    await sql("update private.password_reset_tokens set expires_at = now() where user_id = $1", [ann.userId]);
    const said = new Set<string>();
    for (const each of tokens) said.add((await setPassword(each, password)).errors![0]!.message);
    expect(said.size).toBe(1);
    expect((await login(ann.email, ann.password)).data.login).toBeTruthy();
  });

  it("gets one answer after the same work, whether somebody has the address or not", async () => {
    await forgetAttempts();
    const ann: Somebody = await createSomebody(server);
    const known = await measured(() => reset(ann.email));
    expect(await measured(() => reset("nobody.has.this@example.com"))).toEqual(known);
    expect(known.data.requestPasswordReset).toEqual({ isMailSent: true });
    await mail.mailTo(ann.email);
    expect(mail.mails.filter(({ to }) => to.includes("nobody.has.this@example.com"))).toEqual([]);
  });

  it("cannot be asked for without end", async () => {
    await forgetAttempts();
    const codes: unknown[] = [];
    for (let i = 0; i < 8; i += 1) codes.push(code(await reset("flooded@example.com")));
    expect(codes).toContain("LIMIT_EXCEEDED");
  });
});

it("A login gets one answer after the same work, whether the user exists or not", async () => {
  await forgetAttempts();
  const ann: Somebody = await createSomebody(server);
  // The decoy is made once.
  await login("first.nobody@example.com", "wrong");
  const known = await measured(() => login(ann.email, "wrong"));
  expect(known).toMatchObject({ said: [{ code: "UNAUTHENTICATED" }], work: 1 });
  expect(await measured(() => login("nobody.at.all@example.com", "wrong"))).toEqual(known);
});
