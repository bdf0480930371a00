import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { openSocket } from "../support/socket.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let other: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  // A second process on the same database, as far as sessions are concerned.
  other = await startTestServer({}, server.database);
});
afterAll(async () => {
  await other?.close();
  await server?.remove();
});

const fields = "accessToken expiresAt refreshToken refreshExpiresAt tenant { slug } role";
const lists = "{ lists { nodes { id } } }";
const code = (answer: { errors?: { extensions: Record<string, any> }[] }) => answer.errors?.[0]?.extensions["code"];

async function logIn({ email, password, slug }: Somebody, at = server) {
  const input = { email, password, tenantSlug: slug };
  const answer = await at.post(`mutation($input: LoginInput!) { login(input: $input) { ${fields} } }`, {
    variables: { input },
    headers: { "user-agent": "Testing 1.0" },
  });
  return answer.data.login as { accessToken: string; refreshToken: string; refreshExpiresAt: string };
}

const refresh = (refreshToken: string, at = server) =>
  at.post(`mutation($input: RefreshInput!) { refresh(input: $input) { ${fields} } }`, {
    variables: { input: { refreshToken } },
  });

describe("refresh", () => {
  it("exchanges a refresh token for new tokens that work", async () => {
    const ann = await createSomebody(server);
    const first = await logIn(ann);
    expect(first.refreshToken).toMatch(/^rhr_/);
    const { data } = await refresh(first.refreshToken);
    expect(data.refresh).toMatchObject({ tenant: { slug: ann.slug }, role: "MEMBER" });
    expect(data.refresh.refreshToken).not.toBe(first.refreshToken);
    expect((await server.post(lists, { token: data.refresh.accessToken })).data.lists.nodes).toHaveLength(1);
  });

  it("of a token that was exchanged before ends the session everywhere: the next token and the access tokens, too", async () => {
    const ann = await createSomebody(server);
    const first = await logIn(ann);
    const second = (await refresh(first.refreshToken)).data.refresh;
    expect(code(await refresh(first.refreshToken))).toBe("UNAUTHENTICATED");
    expect(code(await refresh(second.refreshToken))).toBe("UNAUTHENTICATED");
    for (const token of [first.accessToken, second.accessToken])
      expect(code(await server.post(lists, { token }))).toBe("UNAUTHENTICATED");
    const { rows } = await server.database.admin.query("select revoked_reason from iam.sessions where user_id = $1", [
      ann.userId,
    ]);
    expect(rows).toEqual([{ revoked_reason: "reuse_detected" }]);
  });

  it("of one token by two at once lets one through at most", async () => {
    const ann = await createSomebody(server);
    const { refreshToken } = await logIn(ann);
    const answers = await Promise.all([refresh(refreshToken), refresh(refreshToken, other), refresh(refreshToken)]);
    expect(answers.filter((answer) => answer.data.refresh)).toHaveLength(1);
  });

  it("says the same of a token that is unknown, broken or too old", async () => {
    const ann = await createSomebody(server);
    const { refreshToken } = await logIn(ann);
    await server.database.admin.query("update private.session_tokens set expires_at = now() where tenant_id = $1", [
      ann.tenantId,
    ]);
    const said = new Set<string>();
    for (const token of ["", "rhr_x", `rhr_${"A".repeat(43)}`, "\u0000", "x".repeat(5000), refreshToken]) {
      const answer = await refresh(token);
      expect(code(answer)).toBe("UNAUTHENTICATED");
      said.add(answer.errors![0]!.message);
    }
    expect(said.size).toBe(1);
  });

  it("gives the role that the member has now, and nothing to somebody who is no member any more", async () => {
    const ann = await createSomebody(server);
    const { admin } = server.database;
    const first = await logIn(ann);
    await admin.query("update iam.memberships set role = 'viewer' where tenant_id = $1", [ann.tenantId]);
    const second = (await refresh(first.refreshToken)).data.refresh;
    expect(second.role).toBe("VIEWER");
    await admin.query("update iam.memberships set deleted_at = now() where tenant_id = $1", [ann.tenantId]);
    expect(code(await refresh(second.refreshToken))).toBe("UNAUTHENTICATED");
    expect(code(await server.post(lists, { token: second.accessToken }))).toBe("UNAUTHENTICATED");
  });

  it("leaves nothing in the database that would let a reader of it sign in", async () => {
    const ann = await createSomebody(server);
    const { refreshToken } = await logIn(ann);
    const { rows } = await server.database.admin.query<{ line: string }>(
      "select t::text as line from private.session_tokens t where tenant_id = $1",
      [ann.tenantId],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]!.line).not.toContain(refreshToken.slice(4));
  });
});

describe("logout", () => {
  it("ends this session in every process, and no other session", async () => {
    const ann = await createSomebody(server);
    const [here, there] = [await logIn(ann), await logIn(ann)];
    const { data } = await server.post("mutation { logout { endedCount } }", { token: here.accessToken });
    expect(data.logout.endedCount).toBe(1);
    expect(code(await server.post(lists, { token: here.accessToken }))).toBe("UNAUTHENTICATED");
    await until(
      "the other process knows",
      async () => code(await other.post(lists, { token: here.accessToken })) === "UNAUTHENTICATED",
    );
    expect(code(await refresh(here.refreshToken))).toBe("UNAUTHENTICATED");
    expect((await server.post(lists, { token: there.accessToken })).data.lists.nodes).toHaveLength(1);
  });

  it("refuses a token that belongs to no session, too", async () => {
    const ann = await createSomebody(server);
    const token = ann.token();
    await server.post("mutation { logout { endedCount } }", { token });
    expect(code(await server.post(lists, { token }))).toBe("UNAUTHENTICATED");
    expect((await server.post(lists, { token: ann.token() })).data.lists.nodes).toHaveLength(1);
  });

  it("everywhere ends all sessions of the user, and those of nobody else", async () => {
    const [ann, bob] = [await createSomebody(server), await createSomebody(server)];
    const [one, two, foreign] = [await logIn(ann), await logIn(ann), await logIn(bob)];
    const { data } = await server.post("mutation { logoutEverywhere { endedCount } }", { token: one.accessToken });
    expect(data.logoutEverywhere.endedCount).toBe(2);
    for (const { accessToken } of [one, two])
      expect(code(await server.post(lists, { token: accessToken }))).toBe("UNAUTHENTICATED");
    expect((await server.post(lists, { token: foreign.accessToken })).data.lists.nodes).toHaveLength(1);
  });

  it("closes the sockets of the session, in another process too", async () => {
    const ann = await createSomebody(server);
    const { accessToken } = await logIn(ann);
    const socket = openSocket(other.socketUrl, { authorization: `Bearer ${accessToken}` });
    const followed = socket.subscribe("subscription($id: ID!) { listImportProgress(importId: $id) { id } }", {
      id: ann.importTypeId,
    });
    await followed.next();
    await server.post("mutation { logout { endedCount } }", { token: accessToken });
    expect((await socket.closed).code).toBe(4401);
  });
});

describe("switchTenant", () => {
  it("signs in to another tenant of the user, and to no other", async () => {
    const [ann, bob] = [await createSomebody(server), await createSomebody(server)];
    await server.database.admin.query("select private.create_user($1, $2, 'Zoë', 'admin', 'x')", [
      bob.tenantId,
      ann.email,
    ]);
    const { accessToken } = await logIn(ann);
    const go = (tenantSlug: string) =>
      server.post(`mutation($input: SwitchTenantInput!) { switchTenant(input: $input) { ${fields} } }`, {
        token: accessToken,
        variables: { input: { tenantSlug } },
      });
    const { data } = await go(bob.slug);
    expect(data.switchTenant).toMatchObject({ tenant: { slug: bob.slug }, role: "ADMIN" });
    const seen = await server.post("{ lists { nodes { rowId } } }", { token: data.switchTenant.accessToken });
    expect(seen.data.lists.nodes).toEqual([{ rowId: bob.listId }]);
    expect(code(await go((await createSomebody(server)).slug))).toBe("FORBIDDEN");
  });
});

describe("changePassword", () => {
  const change = (token: string, currentPassword: string, newPassword: string) =>
    server.post("mutation($input: ChangePasswordInput!) { changePassword(input: $input) { endedCount } }", {
      token,
      variables: { input: { currentPassword, newPassword } },
    });

  it("wants the present password and a new one of some length", async () => {
    const ann = await createSomebody(server);
    const { accessToken } = await logIn(ann);
    expect(code(await change(accessToken, "wrong", "a new long password"))).toBe("FORBIDDEN");
    expect(code(await change(accessToken, ann.password, "short"))).toBe("VALIDATION_FAILED");
    expect(await logIn(ann)).toBeTruthy();
  });

  it("ends every other session, and keeps this one", async () => {
    const ann = await createSomebody(server);
    const [here, there] = [await logIn(ann), await logIn(ann)];
    const { data } = await change(here.accessToken, ann.password, "a new long password");
    expect(data.changePassword.endedCount).toBe(1);
    expect(code(await server.post(lists, { token: there.accessToken }))).toBe("UNAUTHENTICATED");
    expect((await server.post(lists, { token: here.accessToken })).data.lists.nodes).toHaveLength(1);
    expect(await logIn({ ...ann, password: "a new long password" })).toBeTruthy();
    const { rows } = await server.database.admin.query(
      `select action, new_values, user_id = entity_id as "isOwn", actor_id is not null as "hasActor", request_id is not null as "hasRequest",
         host(ip_address) as ip
       from audit.audit_logs where tenant_id = $1 and entity_type = 'user_credentials'`,
      [ann.tenantId],
    );
    const entry = { action: "update", new_values: { password_hash: "[redacted]" }, ip: "127.0.0.1" };
    expect(rows).toEqual([{ ...entry, isOwn: true, hasActor: true, hasRequest: true }]);
  });
});

describe("guessing a password", () => {
  it("locks the account for ever longer, whether it exists or not, and leaves other accounts alone", async () => {
    const ann = await createSomebody(server);
    const guess = (email: string, at = server) =>
      at.post(`mutation($input: LoginInput!) { login(input: $input) { ${fields} } }`, {
        variables: { input: { email, password: "wrong" } },
      });
    for (const email of [ann.email, "nobody.at.all@example.com"]) {
      for (let i = 0; i < 6; i++) expect(code(await guess(email, i % 2 ? other : server))).toBe("UNAUTHENTICATED");
      const refused = await guess(email);
      expect(refused.errors![0]!.extensions).toMatchObject({
        code: "LIMIT_EXCEEDED",
        details: { retryAfterSeconds: expect.any(Number) },
      });
    }
    const wait = async () => {
      const { rows } = await server.database.admin.query<{ seconds: number }>(
        `with past as (update private.login_attempts set locked_until = now() - interval '1 second' where subject = $1)
         select extract(epoch from l.locked_until - l.last_failed_at)::float8 as seconds from private.login_attempts l where subject = $1`,
        [`account:${ann.email}`],
      );
      return rows[0]!.seconds;
    };
    const first = await wait();
    expect(code(await guess(ann.email))).toBe("UNAUTHENTICATED");
    expect(await wait()).toBeGreaterThan(first);
    expect(await logIn(await createSomebody(server))).toBeTruthy();
  });

  it("by many guesses at once gets no further than one after the other", async () => {
    const ann = await createSomebody(server);
    const guess = (i: number) =>
      (i % 2 ? other : server).post(`mutation($input: LoginInput!) { login(input: $input) { ${fields} } }`, {
        variables: { input: { email: ann.email, password: `wrong ${i}` } },
      });
    const codes = (await Promise.all(Array.from({ length: 30 }, (_, i) => guess(i)))).map(code);
    // Five are free, and the one that brings the first wait; hardly ever another one, a second later.
    expect(codes.filter((each) => each === "UNAUTHENTICATED").length).toBeLessThanOrEqual(8);
    expect(codes.filter((each) => each === "LIMIT_EXCEEDED").length).toBeGreaterThanOrEqual(22);
  });

  it("that turn out right counts nothing against the account or the address", async () => {
    const ann = await createSomebody(server);
    for (let i = 0; i < 10; i++) expect(await logIn(ann)).toBeTruthy();
    const { rows } = await server.database.admin.query(
      "select subject from private.login_attempts where subject = $1 and failure_count > 0",
      [`account:${ann.email}`],
    );
    expect(rows).toEqual([]);
  });
});

describe("the list of sessions", () => {
  it("shows a user their own, and an admin those of the tenant", async () => {
    const ann = await createSomebody(server, "admin");
    const { accessToken } = await logIn(ann);
    const query = "{ sessions { nodes { userAgent revokedAt user { email } } } }";
    const { data } = await server.post(query, { token: accessToken });
    expect(data.sessions.nodes).toEqual([{ userAgent: "Testing 1.0", revokedAt: null, user: { email: ann.email } }]);
    const stranger = await createSomebody(server);
    expect((await server.post(query, { token: stranger.token() })).data.sessions.nodes).toEqual([]);
  });
});
