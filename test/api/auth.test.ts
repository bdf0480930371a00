import { createSecretKey, randomUUID } from "node:crypto";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import jwt from "jsonwebtoken";
import { createAccessTokens } from "../../server/auth/access-tokens.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";

let server: TestServer;
let ann: Somebody;
let bob: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  ann = await createSomebody(server);
  bob = await createSomebody(server, "owner");
});
afterAll(() => server.remove());

const lists = "{ lists { nodes { id name } } }";
const now = () => Math.floor(Date.now() / 1000);

/** Signs any claims whatever, with our secret unless told. */
function forge(claims: object, options: jwt.SignOptions = {}, secret = server.config.secret): string {
  const base = {
    sub: ann.userId,
    tenant_id: ann.tenantId,
    actor_id: ann.actorId,
    role: "member",
    iss: "rowhouse",
    aud: "rowhouse",
    iat: now(),
    exp: now() + 60,
  };
  const payload = JSON.parse(JSON.stringify({ ...base, ...claims })) as object;
  return jwt.sign(payload, createSecretKey(Buffer.from(secret)), { algorithm: "HS256", ...options });
}

const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url");

describe("an access token", () => {
  it("opens the tenant it names, and no other", async () => {
    for (const somebody of [ann, bob]) {
      const { data } = await server.post("{ lists { nodes { rowId } } me { tenant { slug } } }", {
        token: somebody.token(),
      });
      expect(data.lists.nodes).toHaveLength(1);
      expect(data.me.tenant.slug).toBe(somebody.slug);
    }
  });

  it.each([
    ["has expired", () => forge({ iat: now() - 120, exp: now() - 60 }), /has expired at/],
    ["was signed with another secret", () => forge({}, {}, "another secret of the right length, too"), /signature/],
    ["was signed with another algorithm", () => forge({}, { algorithm: "HS512" }), /not signed with HS256/],
    ["was not signed", () => forge({}).replace(/[^.]+$/, ""), /not signed/],
    [
      "says that it needs no signature",
      () => [{ alg: "none", typ: "JWT" }, jwt.decode(forge({}))!].map(encoded).join(".") + ".",
      /not signed/,
    ],
    ["never expires", () => forge({ exp: undefined }), /exp/],
    ["expires at no real time", () => forge({ exp: 1e308 }), /exp|token/],
    ["lives for ten years", () => forge({ exp: now() + 315_360_000 }), /valid for more than/],
    ["was issued in the future", () => forge({ iat: now() + 3600, exp: now() + 3660 }), /future/],
    ["was issued by somebody else", () => forge({ iss: "elsewhere" }), /iss claim/],
    ["is meant for somebody else", () => forge({ aud: "elsewhere" }), /aud claim/],
    ["names a role that is not on the list", () => forge({ role: "postgres" }), /role/],
    ["names a tenant that is no uuid", () => forge({ tenant_id: "1' or true --" }), /tenant_id/],
    ["names a tenant without an actor", () => forge({ actor_id: undefined }), /tenant and an actor/],
    [
      "needs an extension we do not know",
      () => forge({}, { header: { alg: "HS256", crit: ["x"] } as never }),
      /extensions/,
    ],
    ["is of another kind", () => forge({}, { header: { alg: "HS256", typ: "at+jwt" } as never }), /typ is not JWT/],
    ["names the database's owner as its role", () => forge({ role: "rowhouse_owner" }), /role/],
    ["is oversized", () => forge({ padding: "x".repeat(5000) }), /longer than 4096/],
    ["is no token", () => "abc", /JSON Web Token/],
  ])("that %s is refused with 401, and told why", async (_, make, reason) => {
    const { status, data, errors, headers } = await server.post(lists, { token: make() });
    expect(status).toBe(401);
    expect(data).toBeUndefined();
    expect(errors).toHaveLength(1);
    expect(errors![0]!.message).toMatch(reason);
    expect(errors![0]!.extensions).toMatchObject({ code: "UNAUTHENTICATED", requestId: headers.get("x-request-id") });
  });

  it("of an owner acts as an administrator, and one of a viewer may not write", async () => {
    const rename = `mutation($id: ID!) { updateTenant(input: { id: $id, patch: { name: "New" } }) { tenant { name } } }`;
    const { data } = await server.post("{ me { tenant { id } } }", { token: bob.token() });
    const variables = { id: data.me.tenant.id };
    expect((await server.post(rename, { token: bob.token("owner"), variables })).data.updateTenant.tenant.name).toBe(
      "New",
    );
    const refused = await server.post(rename, { token: bob.token("viewer"), variables });
    expect(refused.errors![0]!.extensions["code"]).toBe("FORBIDDEN");
  });

  it("without a tenant may say who it is, and gets TENANT_REQUIRED for everything that belongs to one", async () => {
    const { token } = server.tokens.sign({ userId: ann.userId, role: "admin" });
    const me = await server.post("{ me { user { email } tenant { slug } role memberships { tenant { slug } } } }", {
      token,
    });
    expect(me.data.me).toEqual({
      user: { email: ann.email },
      tenant: null,
      role: null,
      memberships: [{ tenant: { slug: ann.slug } }],
    });
    expect((await server.post(lists, { token })).errors![0]!.extensions["code"]).toBe("TENANT_REQUIRED");
  });
});

describe("a request without a token", () => {
  it("is asked to log in, not told that it is forbidden", async () => {
    for (const query of [
      lists,
      "{ me { user { id } } }",
      `mutation { retryJob(input: { jobId: "job_${"0".repeat(26)}" }) { job { id } } }`,
    ]) {
      const { errors } = await server.post(query);
      expect(errors![0]!.extensions["code"]).toBe("UNAUTHENTICATED");
    }
  });

  it("gets 401 for an Authorization header that is no bearer token", async () => {
    const { status, errors } = await server.post(lists, { headers: { authorization: "Basic YTpi" } });
    expect(status).toBe(401);
    expect(errors![0]!.message).toContain("Bearer <access token>");
  });
});

it("a request with two Authorization headers is refused, whichever is good", async () => {
  const good = `Bearer ${ann.token()}`;
  for (const authorization of [
    [good, good],
    [good, "Bearer abc"],
  ]) {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { "content-type": "application/json", authorization };
      request(`${server.origin}/graphql`, { method: "POST", headers: headers as never }, (res) => {
        res.resume();
        resolve(res.statusCode);
      })
        .on("error", reject)
        .end(JSON.stringify({ query: lists }));
    });
    expect(status).toBe(400);
  }
});

describe("a secret that was replaced", () => {
  it("keeps its tokens good until they end, and signs no new ones", async () => {
    const [former, secret] = [
      "the secret that comes before the other one",
      "the secret that comes after the other one",
    ];
    const { userId, tenantId, actorId } = ann;
    const signer = createAccessTokens({ ...server.config, secret: former });
    const before = signer.sign({ userId, tenantId, actorId, role: "member" }).token;
    const settings = { ROWHOUSE_SECRET: secret, ROWHOUSE_PREVIOUS_SECRETS: `${former}, ${"x".repeat(32)}` };
    const next = await startTestServer(settings, server.database);
    const after = await startTestServer({ ROWHOUSE_SECRET: secret }, server.database);
    try {
      expect((await next.post(lists, { token: before })).data.lists.nodes).toHaveLength(1);
      const { email, password, slug } = ann;
      const login = `mutation($input: LoginInput!) { login(input: $input) { accessToken } }`;
      const variables = { input: { email, password, tenantSlug: slug } };
      const fresh = (await next.post(login, { variables })).data.login.accessToken as string;
      expect((await after.post(lists, { token: fresh })).data.lists.nodes).toHaveLength(1);
      // Once the former secret is taken away, and where it never was the present one.
      for (const [at, token] of [
        [after, before],
        [server, fresh],
      ] as const) {
        const { status, errors } = await at.post(lists, { token });
        expect(status).toBe(401);
        expect(errors![0]!.message).toContain("wrong signature");
      }
      const key = (token: string) => (jwt.decode(token, { complete: true })!.header as { kid?: string }).kid;
      expect(key(fresh)).not.toBe(key(before));
    } finally {
      await next.close();
      await after.close();
    }
  });
});

describe("login", () => {
  const login = `mutation($input: LoginInput!) { login(input: $input) {
    accessToken expiresAt user { id rowId email name } tenant { slug } role memberships { role tenant { slug } } } }`;
  const logIn = (input: object) => server.post(login, { variables: { input } });

  it("gives a token that works, and says who it is for", async () => {
    const { email, password, slug } = ann;
    const { data } = await logIn({ email: email.toUpperCase(), password, tenantSlug: slug });
    expect(data.login).toMatchObject({
      user: { rowId: ann.userId, email, name: "Zoë" },
      tenant: { slug },
      role: "MEMBER",
      memberships: [{ role: "MEMBER", tenant: { slug } }],
    });
    expect(new Date(data.login.expiresAt).getTime()).toBeGreaterThan(Date.now());
    const used = await server.post(lists, { token: data.login.accessToken });
    expect(used.data.lists.nodes).toHaveLength(1);
  });

  it("without a tenant gives a token that only knows who it is", async () => {
    const { data } = await logIn({ email: ann.email, password: ann.password });
    expect(data.login).toMatchObject({ tenant: null, role: null });
    const { errors } = await server.post(lists, { token: data.login.accessToken });
    expect(errors![0]!.extensions["code"]).toBe("TENANT_REQUIRED");
  });

  it("says the same of a wrong password, an unknown user and a strange address", async () => {
    const wrong = [
      { email: ann.email, password: "wrong" },
      { email: ann.email, password: bob.password },
      { email: ann.email, password: "x".repeat(100_000) },
      { email: "nobody@example.com", password: ann.password },
      { email: "\u0000", password: ann.password },
      { email: ann.email, password: "wrong", tenantSlug: bob.slug },
    ];
    const said = new Set<string>();
    for (const input of wrong) {
      const { data, errors } = await logIn(input);
      expect(data.login).toBeNull();
      expect(errors![0]!.extensions["code"]).toBe("UNAUTHENTICATED");
      said.add(errors![0]!.message);
    }
    expect(said.size).toBe(1);
  });

  it("refuses a tenant the user is not a member of, and one that is suspended", async () => {
    const foreign = await logIn({ email: ann.email, password: ann.password, tenantSlug: bob.slug });
    expect(foreign.errors![0]!.extensions).toMatchObject({ code: "FORBIDDEN", field: "tenantSlug" });
    const carl = await createSomebody(server);
    await server.database.admin.query("update iam.tenants set status = 'suspended' where id = $1", [carl.tenantId]);
    const suspended = await logIn({ email: carl.email, password: carl.password, tenantSlug: carl.slug });
    expect(suspended.errors![0]!.message).toContain("suspended");
  });

  it("never lets a user through who is gone", async () => {
    const dora = await createSomebody(server);
    await server.database.admin.query("update iam.users set deleted_at = now() where id = $1", [dora.userId]);
    const refused = await logIn({ email: dora.email, password: dora.password });
    expect(refused.errors![0]!.extensions["code"]).toBe("UNAUTHENTICATED");
    const { errors } = await server.post("{ me { user { id } } }", { token: dora.token() });
    expect(errors![0]!.extensions["code"]).toBe("UNAUTHENTICATED");
  });

  it("keeps passwords and tokens out of the log", async () => {
    const { data } = await logIn({ email: ann.email, password: ann.password });
    await logIn({ email: ann.email, password: "a wrong secret word" });
    const log = JSON.stringify(server.logged);
    for (const secret of [ann.password, "a wrong secret word", data.login.accessToken])
      expect(log).not.toContain(secret);
  });
});

it("a claim left on a pooled connection is never seen by the next request", async () => {
  for (let round = 0; round < 10; round++) await server.post(lists, { token: ann.token() });
  const { token } = server.tokens.sign({ userId: randomUUID(), role: "viewer" });
  expect((await server.post(lists, { token })).errors![0]!.extensions["code"]).toBe("TENANT_REQUIRED");
  expect((await server.post(lists)).errors![0]!.extensions["code"]).toBe("UNAUTHENTICATED");
});
