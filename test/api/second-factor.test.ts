import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Secret, TOTP } from "otpauth";
import {
  createSomebody,
  type GraphqlAnswer,
  type Somebody,
  startTestServer,
  type TestServer,
} from "../support/server.ts";
import { spawned } from "../support/spawned.ts";
import { testSecret } from "../support/test-urls.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.remove());

const error = (answer: GraphqlAnswer) => answer.errors?.[0]?.extensions ?? {};
const send = (name: string, type: string, fields: string, input: object, token?: string) =>
  server.post(`mutation($input: ${type}!) { ${name}(input: $input) { ${fields} } }`, {
    variables: { input },
    ...(token ? { token } : {}),
  });
const logIn = ({ email, password }: Somebody, code?: string) =>
  send("login", "LoginInput", "user { email }", { email, password, code });
const begin = (token: string) => server.post("mutation { beginTotp { secret uri } }", { token });
const confirm = (code: string, token: string) =>
  send("confirmTotp", "ConfirmTotpInput", "recoveryCodes", { code }, token);
const disable = (password: string, code: string, token: string) =>
  send("disableTotp", "DisableTotpInput", "isDisabled", { password, code }, token);
/** The code of the app, so many steps from now. */
const codeOf = (secret: string, steps = 0) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });

/** Somebody with a second factor, confirmed by the code before the present one. */
async function guarded() {
  const ann = await createSomebody(server);
  const { secret, uri } = (await begin(ann.token())).data.beginTotp as { secret: string; uri: string };
  const { data } = await confirm(codeOf(secret, -1), ann.token());
  return { ann, secret, uri, recoveryCodes: data.confirmTotp.recoveryCodes as string[] };
}

describe("a second factor", () => {
  it("is asked for only once it is confirmed, and only of who knows the password", async () => {
    const ann = await createSomebody(server);
    const { secret, uri } = (await begin(ann.token())).data.beginTotp;
    expect(uri).toContain(`secret=${secret}`);
    expect((await logIn(ann)).data.login).toBeTruthy();
    const wrong = codeOf(secret, 1000);
    expect(error(await confirm(wrong, ann.token()))["code"]).toBe("FORBIDDEN");
    const { data } = await confirm(codeOf(secret), ann.token());
    expect(new Set(data.confirmTotp.recoveryCodes).size).toBe(10);
    expect(error(await logIn(ann))).toMatchObject({
      code: "UNAUTHENTICATED",
      details: { reason: "second_factor_required" },
    });
    expect(error(await logIn({ ...ann, password: "wrong" }))["details"]).toBeUndefined();
    expect((await logIn(ann, codeOf(secret, 1))).data.login.user.email).toBe(ann.email);
    expect(error(await begin(ann.token()))["code"]).toBe("INVALID_STATE");
  });

  it("takes no code twice and none older than one that was taken, not by two at once", async () => {
    const { ann, secret } = await guarded();
    const code = codeOf(secret, 1);
    const both = await Promise.all([logIn(ann, code), logIn(ann, code)]);
    expect(both.filter(({ data }) => data?.login)).toHaveLength(1);
    for (const used of [code, codeOf(secret)])
      expect(error(await logIn(ann, used))).toMatchObject({ details: { reason: "second_factor_wrong" } });
  });

  it("is replaced by a recovery code, each once", async () => {
    const { ann, recoveryCodes } = await guarded();
    expect((await logIn(ann, ` ${recoveryCodes[0]!.toUpperCase()} `)).data.login).toBeTruthy();
    expect(error(await logIn(ann, recoveryCodes[0]))["code"]).toBe("UNAUTHENTICATED");
    expect((await logIn(ann, recoveryCodes[1])).data.login).toBeTruthy();
  });

  it("is not guessed: wrong codes lock the account, right passwords in between notwithstanding", async () => {
    const { ann } = await guarded();
    const codes: unknown[] = [];
    for (let i = 0; i < 8; i += 1) {
      await logIn(ann);
      codes.push(error(await logIn(ann, "not-a-code"))["code"]);
    }
    expect(codes).toContain("LIMIT_EXCEEDED");
  });

  it("is removed with the password and a code, and not with one of them", async () => {
    const { ann, secret, recoveryCodes } = await guarded();
    expect(error(await disable("wrong", recoveryCodes[0]!, ann.token()))["code"]).toBe("FORBIDDEN");
    expect(error(await disable(ann.password, "not-a-code", ann.token()))["code"]).toBe("FORBIDDEN");
    expect((await disable(ann.password, codeOf(secret), ann.token())).data.disableTotp).toEqual({ isDisabled: true });
    expect((await logIn(ann)).data.login).toBeTruthy();
  });

  it("is kept encrypted, and its recovery codes as hashes", async () => {
    const { ann, secret, recoveryCodes } = await guarded();
    const { rows } = await server.database.admin.query<{ sealed: Buffer; codes: string[] }>(
      `select sealed_secret as sealed, array(select code_hash from private.recovery_codes c where c.user_id = t.user_id) as codes
       from private.user_totp t where user_id = $1`,
      [ann.userId],
    );
    expect(rows[0]!.sealed.includes(secret)).toBe(false);
    expect(rows[0]!.codes).toHaveLength(10);
    for (const code of recoveryCodes) expect(JSON.stringify(rows)).not.toContain(code);
  });
});

describe("a second factor that was lost", () => {
  const remove = async (...args: string[]) => {
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: "test",
      ROWHOUSE_SECRET: testSecret,
      ROWHOUSE_SERVER_DATABASE_URL: server.database.serverUrl,
    };
    const command = spawned(process.execPath, ["server/remove-second-factor.ts", ...args], { env });
    return { code: await command.end(), said: command.output().trim() };
  };

  it("is removed by a command of whoever runs the server, and the user's tenants find it in their audit log", async () => {
    const { ann } = await guarded();
    expect(await remove("--email", ann.email.toUpperCase())).toEqual({
      code: 0,
      said: `${ann.email} has no second factor any more, and can log in with the password alone.`,
    });
    expect((await logIn(ann)).data.login.user.email).toBe(ann.email);
    const { rows } = await server.database.admin.query(
      `select action, entity_id, request_id from audit.audit_logs where tenant_id = $1 and entity_type = 'user_totp' and action = 'delete'`,
      [ann.tenantId],
    );
    expect(rows).toEqual([{ action: "delete", entity_id: ann.userId, request_id: "second-factor:remove" }]);
    for (const args of [["--email", ann.email], ["--email", "nobody@example.com"], []])
      expect(await remove(...args)).toMatchObject({ code: 1, said: expect.not.stringContaining("Error") });
  });
});
