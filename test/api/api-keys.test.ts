import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { newApiKey } from "../../server/auth/api-key-format.ts";
import {
  createSomebody,
  startTestServer,
  type GraphqlAnswer,
  type Somebody,
  type TestServer,
} from "../support/server.ts";
import { openSocket } from "../support/socket.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let other: TestServer;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  // A second process on the same database, as far as keys are concerned.
  other = await startTestServer({}, server.database);
  ann = await createSomebody(server, "admin");
});
afterAll(async () => {
  await other?.close();
  await server?.remove();
});

const lists = "{ lists { nodes { id } } }";
const create = `mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
  key apiKey { id prefix name role scopes allowedNetworks expiresAt } } }`;
const rotate = "mutation($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { key apiKey { id prefix } } }";
const revoke = "mutation($id: ID!) { revokeApiKey(input: { apiKeyId: $id }) { apiKey { id revokedAt } } }";
const change =
  "mutation($input: ChangeApiKeyInput!) { changeApiKey(input: $input) { apiKey { name scopes allowedNetworks } } }";

const code = (answer: GraphqlAnswer) => answer.errors?.[0]?.extensions["code"] as string | undefined;
const message = (answer: GraphqlAnswer) => answer.errors?.[0]?.message;

async function makeKey(input: object = {}, by = ann.token()): Promise<{ key: string; id: string; apiKey: any }> {
  const { data, errors } = await server.post(create, { token: by, variables: { input: { name: "Sync", ...input } } });
  if (errors) throw new Error(JSON.stringify(errors));
  const { key, apiKey } = data.createApiKey;
  return { key, id: apiKey.id, apiKey };
}

const works = async (key: string, at = server) => expect((await at.post(lists, { token: key })).errors).toBeUndefined();

const refusedEverywhere = async (key: string) => {
  expect(code(await server.post(lists, { token: key }))).toBe("UNAUTHENTICATED");
  await until(
    "the other process refuses the key",
    async () => code(await other.post(lists, { token: key })) === "UNAUTHENTICATED",
  );
};

describe("an API key", () => {
  it("is shown once, kept as a hash, and signs in by either header", async () => {
    const { key, apiKey } = await makeKey({ role: "VIEWER" });
    expect(key).toMatch(/^rh_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$/);
    expect(apiKey).toMatchObject({ prefix: key.slice(0, 11), role: "VIEWER", scopes: [] });
    await works(key);
    expect((await server.post(lists, { headers: { "x-api-key": key } })).data.lists.nodes).toHaveLength(1);
    const { rows } = await server.database.admin.query<{ line: string }>(
      "select k::text || h::text as line from iam.api_keys k join private.api_key_hashes h on h.api_key_id = k.id",
    );
    for (const { line } of rows) expect(line).not.toContain(key.slice(12));
    expect(JSON.stringify(server.logged)).not.toContain(key.slice(12));
  });

  it("acts under an actor of its own, in its tenant and with its role", async () => {
    const { key } = await makeKey({ role: "VIEWER", name: "Reader" });
    const { data } = await server.post("{ me { user { id } tenant { slug } role actorId expiresAt scopes } }", {
      token: key,
    });
    expect(data.me).toMatchObject({ user: null, tenant: { slug: ann.slug }, role: "VIEWER", expiresAt: null });
    const wrote = await server.post(`mutation { createList(input: { list: { name: "x" } }) { list { id } } }`, {
      token: key,
    });
    expect(code(wrote)).toBe("FORBIDDEN");
    const member = await makeKey({ name: "Writer" });
    const made = await server.post(
      `mutation { createList(input: { list: { name: "x" } }) { list { createdBy { label kind } } } }`,
      { token: member.key },
    );
    expect(made.data.createList.list.createdBy).toEqual({ label: "Writer", kind: "API_KEY" });
    const logout = await server.post("mutation { logout { endedCount } }", { token: key });
    expect(code(logout)).toBe("FORBIDDEN");
  });

  it("that is not whole, not known, or sent beside another credential is refused", async () => {
    const { key } = await makeKey();
    const cut = await server.post(lists, { token: key.slice(0, -1) });
    expect(cut.status).toBe(401);
    expect(message(cut)).toContain("mistyped");
    expect(message(await server.post(lists, { token: newApiKey().key }))).toContain("not known");
    const two = await server.post(lists, { token: key, headers: { "x-api-key": key } });
    expect(two.status).toBe(401);
    expect(message(two)).toContain("more than one credential");
    const oversized = await server.post(lists, { token: `rh_${"x".repeat(9000)}` });
    expect(oversized.status).toBe(401);
  });

  it("ends at its time, in what is remembered as well", async () => {
    const { key, id } = await makeKey({ expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
    await works(key);
    const past = await server.post(create, {
      token: ann.token(),
      variables: { input: { name: "x", expiresAt: new Date(Date.now() - 1000).toISOString() } },
    });
    expect(code(past)).toBe("VALIDATION_FAILED");
    const soon = new Date(Date.now() + 1500).toISOString();
    const { errors } = await server.post(change, {
      token: ann.token(),
      variables: { input: { apiKeyId: id, expiresAt: soon } },
    });
    expect(errors).toBeUndefined();
    await until(
      "the key has expired",
      async () => message(await server.post(lists, { token: key }))?.includes("has expired") ?? false,
    );
  });

  it("is good from its networks only, and the address is looked at each time", async () => {
    const elsewhere = await makeKey({ allowedNetworks: ["203.0.113.0/24", "2001:db8::/32"] });
    const refused = await server.post(lists, { token: elsewhere.key });
    expect(refused.status).toBe(403);
    expect(message(refused)).toContain("127.0.0.1");
    const { key, id } = await makeKey({ allowedNetworks: ["127.0.0.0/8"] });
    await works(key);
    await server.post(change, {
      token: ann.token(),
      variables: { input: { apiKeyId: id, allowedNetworks: ["127.0.0.2/32"] } },
    });
    await until(
      "the narrower network holds",
      async () => code(await server.post(lists, { token: key })) === "FORBIDDEN",
    );
  });

  it("has its use noted, at most once a minute", async () => {
    const { key, id } = await makeKey();
    for (let i = 0; i < 5; i++) await server.post(lists, { token: key });
    const read = "query($id: ID!) { apiKey(id: $id) { lastUsedAt updatedAt createdAt } }";
    const shown = async () => (await server.post(read, { token: ann.token(), variables: { id } })).data.apiKey;
    await until("the use was written", async () => (await shown()).lastUsedAt !== null);
    const { updatedAt, createdAt } = await shown();
    expect(updatedAt).toBe(createdAt);
  });
});

describe("a stolen API key", () => {
  it("is refused once it was revoked, in every process, and its open socket is closed", async () => {
    const { key, id } = await makeKey();
    await works(key);
    await works(key, other);
    const socket = openSocket(other.socketUrl, { authorization: `Bearer ${key}` });
    const followed = socket.subscribe("subscription($id: ID!) { listImportProgress(importId: $id) { id } }", {
      id: ann.importTypeId,
    });
    await followed.next();
    const begun = Date.now();
    const { data } = await server.post(revoke, { token: ann.token(), variables: { id } });
    expect(data.revokeApiKey.apiKey.revokedAt).not.toBeNull();
    const { code: closeCode, reason } = await socket.closed;
    expect(closeCode).toBe(4401);
    expect(reason).toContain("was revoked");
    expect(Date.now() - begun).toBeLessThan(5000);
    await until(
      "this process refuses it",
      async () => code(await server.post(lists, { token: key })) === "UNAUTHENTICATED",
    );
    await refusedEverywhere(key);
  });

  it("leaves no keys behind that were made with it", async () => {
    const { key, id } = await makeKey({ scopes: ["api_keys:write", "lists:read"] });
    const child = await makeKey({ scopes: ["lists:read"] }, key);
    await works(child.key, server);
    await server.post(revoke, { token: ann.token(), variables: { id } });
    await until(
      "the child is refused",
      async () => code(await server.post(lists, { token: child.key })) === "UNAUTHENTICATED",
    );
  });
});

describe("rotateApiKey", () => {
  it("gives a secret that works at once, while the old one works until the overlap ends", async () => {
    const { key, id } = await makeKey();
    await works(key, other);
    const rotated = await server.post(rotate, { token: ann.token(), variables: { input: { apiKeyId: id } } });
    const next = rotated.data.rotateApiKey.key as string;
    expect(next.slice(0, 11)).toBe(key.slice(0, 11));
    expect(next).not.toBe(key);
    for (const each of [key, next]) await works(each, other);
    const again = await server.post(rotate, {
      token: ann.token(),
      variables: { input: { apiKeyId: id, overlapMinutes: 0 } },
    });
    const last = again.data.rotateApiKey.key as string;
    for (const each of [key, next]) {
      await until(
        "the old secret is refused",
        async () => code(await server.post(lists, { token: each })) === "UNAUTHENTICATED",
      );
      await refusedEverywhere(each);
    }
    await works(last, other);
  });

  it("ends the old secret with the overlap, in what is remembered as well", async () => {
    const { key, id } = await makeKey();
    await server.post(rotate, { token: ann.token(), variables: { input: { apiKeyId: id } } });
    await works(key);
    await server.database.admin.query(
      `update private.api_key_hashes set expires_at = now() + interval '1 second' where expires_at is not null
        and api_key_id = (select id from iam.api_keys where prefix = $1)`,
      [key.slice(0, 11)],
    );
    await server.database.admin.query("update iam.api_keys set rotated_at = now() where prefix = $1", [
      key.slice(0, 11),
    ]);
    await until(
      "it was replaced",
      async () => message(await server.post(lists, { token: key }))?.includes("replaced") ?? false,
    );
  });
});

describe("whoever makes a key", () => {
  it("gives it no role above their own, by their token or by what they are now", async () => {
    const bob = await createSomebody(server, "member");
    const ask = (role: string, token = bob.token()) =>
      server.post(create, { token, variables: { input: { name: "x", role } } });
    expect(code(await ask("ADMIN"))).toBe("FORBIDDEN");
    // A token from before the member's role was lowered.
    expect(code(await ask("ADMIN", bob.token("admin")))).toBe("FORBIDDEN");
    expect(code(await ask("OWNER", ann.token("owner")))).toBe("VALIDATION_FAILED");
    expect((await ask("MEMBER")).errors).toBeUndefined();
    expect(code(await ask("VIEWER", bob.token("viewer")))).toBe("FORBIDDEN");
  });

  it("sees and manages their own, and an admin all of the tenant", async () => {
    const { rows } = await server.database.admin.query<{ id: string }>(
      "select private.create_user($1, $2, 'Bob', 'member', '$argon2id$none') as id",
      [ann.tenantId, `bob-${ann.slug}@example.com`],
    );
    const actor = await server.database.admin.query<{ id: string }>(
      "select a.id from iam.actors a join iam.memberships m on m.id = a.membership_id where m.user_id = $1",
      [rows[0]!.id],
    );
    const { token } = server.tokens.sign({
      userId: rows[0]!.id,
      tenantId: ann.tenantId,
      actorId: actor.rows[0]!.id,
      role: "member",
    });
    const mine = await makeKey({ name: "Bob's" }, token);
    const hers = await makeKey({ name: "Ann's" });
    const names = async (by: string) =>
      (await server.post("{ apiKeys { nodes { name } } }", { token: by })).data.apiKeys.nodes.map(
        (each: any) => each.name,
      );
    expect(await names(token)).toEqual(["Bob's"]);
    expect(await names(ann.token())).toEqual(expect.arrayContaining(["Bob's", "Ann's"]));
    for (const [query, variables] of [
      [revoke, { id: hers.id }],
      [rotate, { input: { apiKeyId: hers.id } }],
      [change, { input: { apiKeyId: hers.id, name: "Mine" } }],
    ] as const)
      expect(code(await server.post(query, { token, variables }))).toBe("NOT_FOUND");
    expect((await server.post(revoke, { token: ann.token(), variables: { id: mine.id } })).errors).toBeUndefined();
  });

  it("takes it along when their role is lowered, and when they leave or the tenant is suspended", async () => {
    const eve = await createSomebody(server, "manager");
    const { key } = await makeKey({ role: "MANAGER" }, eve.token());
    const role = async () => (await server.post("{ me { role } }", { token: key })).data?.me.role;
    expect(await role()).toBe("MANAGER");
    const set = (sql: string) => server.database.admin.query(sql, [eve.tenantId]);
    await set("update iam.memberships set role = 'viewer' where tenant_id = $1");
    await until("the key is a viewer", async () => (await role()) === "VIEWER");
    await set("update iam.tenants set status = 'suspended' where id = $1");
    await until(
      "the tenant is suspended",
      async () => message(await server.post(lists, { token: key }))?.includes("tenant") ?? false,
    );
    await set("update iam.tenants set status = 'active' where id = $1");
    await until("the tenant works again", async () => (await role()) === "VIEWER");
    await set("update iam.memberships set deleted_at = now() where tenant_id = $1");
    await until(
      "its maker has left",
      async () => message(await server.post(lists, { token: key }))?.includes("made by") ?? false,
    );
  });

  it("is a person, or a key with the scope for it, which stays within its own scopes", async () => {
    const { key } = await makeKey({ role: "ADMIN" });
    const ask = (token: string, input: object) =>
      server.post(create, { token, variables: { input: { name: "x", ...input } } });
    expect(message(await ask(key, {}))).toContain("api_keys:write");
    const maker = await makeKey({ scopes: ["api_keys:write", "lists:write"] });
    expect(code(await ask(maker.key, {}))).toBe("FORBIDDEN");
    expect(code(await ask(maker.key, { scopes: ["crm:read"] }))).toBe("FORBIDDEN");
    expect((await ask(maker.key, { scopes: ["lists:read"] })).errors).toBeUndefined();
    // The secret of a key that may do more would be its own.
    const boss = await makeKey({ role: "ADMIN", scopes: ["api_keys:write"] });
    const rotated = await server.post(rotate, { token: boss.key, variables: { input: { apiKeyId: maker.id } } });
    expect(code(rotated)).toBe("FORBIDDEN");
  });

  it("narrows it, and never widens it", async () => {
    const { id } = await makeKey({ scopes: ["lists:write"], allowedNetworks: ["10.0.0.0/8"] });
    const ask = (input: object) =>
      server.post(change, { token: ann.token(), variables: { input: { apiKeyId: id, ...input } } });
    for (const wider of [
      { scopes: [] },
      { scopes: ["crm:read"] },
      { allowedNetworks: [] },
      { allowedNetworks: ["0.0.0.0/0"] },
    ])
      expect(code(await ask(wider))).toBe("FORBIDDEN");
    const { data } = await ask({ name: "Less", scopes: ["lists:read"], allowedNetworks: ["10.1.0.0/16"] });
    expect(data.changeApiKey.apiKey).toEqual({
      name: "Less",
      scopes: ["lists:read"],
      allowedNetworks: ["10.1.0.0/16"],
    });
    const unknown = await ask({ scopes: ["lists:delete"] });
    expect(message(unknown)).toMatch(/no scope lists:delete.*lists:read, lists:write/);
  });
});
