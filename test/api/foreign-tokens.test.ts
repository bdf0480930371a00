import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWK } from "jose";
import {
  createSomebody,
  startTestServer,
  type GraphqlAnswer,
  type Somebody,
  type TestServer,
} from "../support/server.ts";
import { openSocket } from "../support/socket.ts";
import { until } from "../support/until.ts";
import { createTestDatabase } from "../support/database.ts";

const algorithms = ["RS256", "ES256", "EdDSA"] as const;
type Algorithm = (typeof algorithms)[number];

const issuer = "https://login.example.com/";
let provider: Server;
let server: TestServer;
let other: TestServer;
let ann: Somebody;
let bob: Somebody;
let keys: Record<Algorithm, { privateKey: CryptoKey; publicKey: CryptoKey }>;

beforeAll(async () => {
  const made = await Promise.all(
    algorithms.map(async (each) => [each, await generateKeyPair(each, { extractable: true })] as const),
  );
  keys = Object.fromEntries(made) as typeof keys;
  const jwks: JWK[] = await Promise.all(
    algorithms.map(async (alg) => ({ ...(await exportJWK(keys[alg].publicKey)), kid: alg, alg, use: "sig" })),
  );
  provider = createServer((_req, res) => res.end(JSON.stringify({ keys: jwks })));
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`;

  const database = await createTestDatabase();
  // Its tenants must be known before a server that trusts an issuer for one of them starts.
  const first = await startTestServer({}, database);
  [ann, bob] = [await createSomebody(first, "manager"), await createSomebody(first, "owner")];
  await first.close();
  const settings = {
    ROWHOUSE_JWT_ISSUERS: JSON.stringify([
      { issuer, audience: "rowhouse-api", jwks: url, algorithms, tenants: [ann.slug] },
      {
        ...{ issuer: "https://other.example.com/", audience: "rowhouse-api", jwks: url, algorithms: ["ES256"] },
        ...{ tenants: [bob.tenantId, ann.tenantId], claims: { tenant: "org", role: "org_role" } },
      },
    ]),
  };
  server = await startTestServer(settings, database);
  other = await startTestServer(settings, database);
});
afterAll(async () => {
  provider?.close();
  await other?.close();
  await server?.remove();
});

const lists = "{ lists { nodes { id } } me { user { email } tenant { slug } role } }";
const now = () => Math.floor(Date.now() / 1000);
const code = (answer: GraphqlAnswer) => answer.errors?.[0]?.extensions["code"] as string | undefined;

interface Header {
  readonly alg?: string;
  readonly kid?: string | undefined;
  readonly typ?: string | undefined;
  readonly [name: string]: unknown;
}

/** Signs any claims whatever; undefined takes one away. */
function sign(claims: object = {}, header: Header = {}, key?: CryptoKey | Uint8Array): Promise<string> {
  const { alg = "RS256", ...rest } = header;
  const base = {
    ...{ iss: issuer, aud: "rowhouse-api", sub: ann.userId, iat: now(), exp: now() + 300 },
    ...claims,
  };
  const payload = JSON.parse(JSON.stringify(base)) as Record<string, unknown>;
  const head = JSON.parse(JSON.stringify({ alg, kid: alg, typ: "at+jwt", ...rest })) as { alg: string };
  return new SignJWT(payload).setProtectedHeader(head).sign(key ?? keys[alg as Algorithm].privateKey);
}

describe("a token of another issuer", () => {
  it.each(algorithms)("signed with %s opens the tenant that its issuer speaks for", async (alg) => {
    const { data } = await server.post(lists, { token: await sign({}, { alg }) });
    expect(data).toMatchObject({
      lists: { nodes: [{}] },
      me: { user: { email: ann.email }, tenant: { slug: ann.slug }, role: "MANAGER" },
    });
  });

  it("is about whom its sub names, or else about a verified e-mail address", async () => {
    const byEmail = { sub: "auth0|17", email: ann.email.toUpperCase(), email_verified: true };
    expect((await server.post(lists, { token: await sign(byEmail) })).data.me.user.email).toBe(ann.email);
    for (const claims of [
      { ...byEmail, email_verified: false },
      { ...byEmail, email_verified: "true" },
      { sub: "auth0|17" },
      { sub: bob.userId },
      { ...byEmail, email: bob.email },
    ])
      expect(code(await server.post(lists, { token: await sign(claims) }))).toBe("UNAUTHENTICATED");
  });

  it("opens no tenant that its issuer does not speak for, by whatever name", async () => {
    for (const tenant of [bob.slug, bob.tenantId, "no-such-tenant"]) {
      const answer = await server.post(lists, { token: await sign({ tenant, sub: bob.userId }) });
      expect(answer.status).toBe(403);
      expect(answer.errors![0]!.message).toContain("does not speak for");
    }
    const from = { iss: "https://other.example.com/" };
    const own = await sign({ ...from, org: bob.slug, sub: bob.userId }, { alg: "ES256" });
    expect((await server.post(lists, { token: own })).data.me.tenant.slug).toBe(bob.slug);
    // Two tenants, and none named.
    expect(code(await server.post(lists, { token: await sign(from, { alg: "ES256" }) }))).toBe("UNAUTHENTICATED");
  });

  it("gives no role above the member's own, and no role of the database", async () => {
    const role = async (asked: string) =>
      (await server.post(lists, { token: await sign({ role: asked }) })).data?.me.role;
    expect(await role("owner")).toBe("MANAGER");
    expect(await role("viewer")).toBe("VIEWER");
    for (const asked of ["rowhouse_owner", "rowhouse_system", "postgres", "Owner", ""]) {
      const answer = await server.post(lists, { token: await sign({ role: asked }) });
      expect(answer.status).toBe(401);
      expect(answer.errors![0]!.message).toContain("claim role");
    }
  });

  const spki = async (alg: Algorithm) => Buffer.from(await exportSPKI(keys[alg].publicKey));
  const stranger = async () => (await generateKeyPair("RS256")).privateKey;
  it.each([
    [
      "is signed by nobody",
      () => new UnsecuredJWT({ iss: issuer, sub: ann.userId }).setExpirationTime("1m").encode(),
      /not signed with|cannot be read/,
    ],
    [
      "takes the public key for a secret",
      async () => sign({}, { alg: "HS256", kid: "RS256" }, await spki("RS256")),
      /not signed with RS256/,
    ],
    [
      "is signed with our own secret",
      () => sign({}, { alg: "HS256" }, Buffer.from(server.config.secret)),
      /not signed with RS256/,
    ],
    ["is signed with another key", async () => sign({}, {}, await stranger()), /wrong signature/],
    ["names a key that is not there", () => sign({}, { kid: "unknown" }), /key that its issuer does not have/],
    ["uses a key in another way", () => sign({}, { kid: "ES256" }), /key that its issuer does not have/],
    [
      "is signed in a way the issuer may not",
      () => sign({ iss: "https://other.example.com/" }),
      /not signed with ES256/,
    ],
    [
      "is changed",
      async () => {
        const [head, body, signature] = (await sign()).split(".") as [string, string, string];
        const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
        const changed = Buffer.from(JSON.stringify({ ...claims, sub: bob.userId })).toString("base64url");
        return [head, changed, signature].join(".");
      },
      /wrong signature/,
    ],
    ["is of an unknown issuer", () => sign({ iss: "https://evil.example.com/" }), /not signed with HS256/],
    ["has no issuer", () => sign({ iss: undefined }), /not signed with HS256/],
    ["is meant for somebody else", () => sign({ aud: "another-api" }), /claim aud/],
    ["is meant for nobody", () => sign({ aud: undefined }), /claim aud/],
    ["has expired", () => sign({ iat: now() - 600, exp: now() - 300 }), /has expired/],
    ["never expires", () => sign({ exp: undefined }), /claim exp/],
    ["expires at no real time", () => sign({ exp: 1e300 }), /valid for more than/],
    ["lives for a year", () => sign({ exp: now() + 31_536_000 }), /valid for more than/],
    ["was issued in the future", () => sign({ iat: now() + 600, exp: now() + 900 }), /future/],
    ["is not valid yet", () => sign({ nbf: now() + 600 }), /claim nbf/],
    ["is an id token by its typ", () => sign({}, { typ: "id+jwt" }), /typ/],
    ["has no typ", () => sign({}, { typ: undefined }), /typ/],
    ["brings its own key", () => sign({}, { kid: "unknown", jwk: {}, jku: "http://127.0.0.1/keys" }), /does not have/],
    ["is oversized", () => sign({ padding: "x".repeat(9000) }), /longer than/],
  ])("that %s is refused with 401, and told why", async (_, make, reason) => {
    const { status, data, errors } = await server.post(lists, { token: await make() });
    expect(errors![0]!.message).toMatch(reason);
    expect({ status, data }).toEqual({ status: 401 });
  });

  it("that was taken back is refused in every process, and its socket is closed", async () => {
    const token = await sign({ jti: "any text 17" });
    expect((await other.post(lists, { token })).errors).toBeUndefined();
    const socket = openSocket(other.socketUrl, { authorization: `Bearer ${token}` });
    const followed = socket.subscribe("subscription($id: ID!) { listImportProgress(importId: $id) { id } }", {
      id: ann.importTypeId,
    });
    await followed.next();
    await server.post("mutation { logout { endedCount } }", { token });
    expect(code(await server.post(lists, { token }))).toBe("UNAUTHENTICATED");
    expect((await socket.closed).code).toBe(4401);
    expect(code(await other.post(lists, { token }))).toBe("UNAUTHENTICATED");
    // What was taken back is the id, whatever else a token with it says.
    expect(code(await server.post(lists, { token: await sign({ jti: "any text 17", role: "viewer" }) }))).toBe(
      "UNAUTHENTICATED",
    );
  });

  it("closes its socket when it ends", async () => {
    const token = await sign({ exp: now() + 2 });
    const socket = openSocket(server.socketUrl, { authorization: `Bearer ${token}` });
    const followed = socket.subscribe("subscription($id: ID!) { listImportProgress(importId: $id) { id } }", {
      id: ann.importTypeId,
    });
    await followed.next();
    expect((await socket.closed).code).toBe(4401);
  });

  it("is remembered no longer than its member stays, and never above what they are", async () => {
    const token = await sign();
    const role = async () => (await server.post(lists, { token })).data?.me.role;
    expect(await role()).toBe("MANAGER");
    const set = (sql: string) => server.database.admin.query(sql, [ann.tenantId]);
    await set("update iam.memberships set role = 'viewer' where tenant_id = $1");
    await until("the role is lowered", async () => (await role()) === "VIEWER");
    await set("update iam.tenants set status = 'suspended' where id = $1");
    await until("the tenant is suspended", async () => code(await server.post(lists, { token })) === "FORBIDDEN");
    await set("update iam.tenants set status = 'active' where id = $1");
    await set("update iam.memberships set deleted_at = now() where tenant_id = $1");
    await until("the member has left", async () => code(await server.post(lists, { token })) === "UNAUTHENTICATED");
  });
});

describe("the setting ROWHOUSE_JWT_ISSUERS", () => {
  const entry = {
    issuer,
    audience: "a",
    jwks: "https://login.example.com/jwks",
    algorithms: ["RS256"],
    tenants: ["acme"],
  };
  it.each([
    ["text that is neither JSON nor a file", "nowhere.json", /neither JSON nor the path/],
    ["symmetric algorithms", JSON.stringify([{ ...entry, algorithms: ["HS256"] }]), /algorithms/],
    ["keys over plain HTTP", JSON.stringify([{ ...entry, jwks: "http://login.example.com/jwks" }]), /https/],
    ["an issuer for every tenant", JSON.stringify([{ ...entry, tenants: [] }]), /tenants/],
    ["an issuer twice", JSON.stringify([entry, entry]), /twice/],
    ["our own issuer", JSON.stringify([{ ...entry, issuer: "rowhouse" }]), /our own/],
    ["a word it does not know", JSON.stringify([{ ...entry, tenant: "acme" }]), /tenant/],
  ])("with %s keeps the server from starting, and says why", async (_, setting, reason) => {
    await expect(startTestServer({ ROWHOUSE_JWT_ISSUERS: setting }, server.database)).rejects.toThrow(reason);
  });
});
