import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { encodeTypeId } from "../../lib/type-id.ts";
import {
  createSomebody,
  type GraphqlAnswer,
  type Somebody,
  startTestServer,
  type TestServer,
} from "../support/server.ts";
import { openSocket } from "../support/socket.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let other: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({}, server.database);
});
afterAll(async () => {
  await other?.close();
  await server?.remove();
});

const code = (answer: GraphqlAnswer) => answer.errors?.[0]?.extensions["code"];
const lists = "{ lists { nodes { id } } }";

async function logIn({ email, password, slug }: Somebody, at = server) {
  const { data } = await at.post(
    `mutation($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }`,
    {
      variables: { input: { email, password, tenantSlug: slug } },
    },
  );
  return data.login as { accessToken: string; refreshToken: string };
}

/** Somebody else in the tenant of `owner`, with a password of their own. */
async function join(owner: Somebody, role: string): Promise<Somebody & { membershipId: string }> {
  const guest = await createSomebody(server);
  const { admin } = server.database;
  await admin.query("select private.create_user($1, $2, 'Guest', $3, 'x')", [owner.tenantId, guest.email, role]);
  const { rows } = await admin.query<{ id: string; actor: string }>(
    `select m.id, a.id as actor from iam.memberships m join iam.actors a on a.tenant_id = m.tenant_id and a.membership_id = m.id
     where m.tenant_id = $1 and m.user_id = $2`,
    [owner.tenantId, guest.userId],
  );
  const { tenantId, slug } = owner;
  const claims = { userId: guest.userId, tenantId, actorId: rows[0]!.actor };
  return {
    ...guest,
    ...{ tenantId, slug, membershipId: encodeTypeId("membership", rows[0]!.id) },
    token: (as) => server.tokens.sign({ ...claims, role: as ?? (role as "member") }).token,
  };
}

const setRole = (id: string, role: string, token: string) =>
  server.post(
    `mutation($id: ID!, $role: MembershipRole!) { updateMembership(input: { id: $id, patch: { role: $role } }) { membership { role } } }`,
    { token, variables: { id, role } },
  );
const remove = (id: string, token: string) =>
  server.post(`mutation($id: ID!) { deleteMembership(input: { id: $id }) { membership { id } } }`, {
    token,
    variables: { id },
  });
const ownMembership = async ({ tenantId, userId }: Somebody) => {
  const { rows } = await server.database.admin.query<{ id: string }>(
    "select id from iam.memberships where tenant_id = $1 and user_id = $2",
    [tenantId, userId],
  );
  return encodeTypeId("membership", rows[0]!.id);
};

describe("the role of a member", () => {
  it("is changed by admins, up to their own role and for members up to their own role", async () => {
    const owner = await createSomebody(server, "owner");
    const [admin, guest] = [await join(owner, "admin"), await join(owner, "member")];
    expect((await setRole(guest.membershipId, "MANAGER", admin.token())).data.updateMembership.membership.role).toBe(
      "MANAGER",
    );
    expect(code(await setRole(guest.membershipId, "OWNER", admin.token()))).toBe("FORBIDDEN");
    expect(code(await setRole(admin.membershipId, "OWNER", admin.token()))).toBe("FORBIDDEN");
    expect(code(await setRole(await ownMembership(owner), "VIEWER", admin.token()))).toBe("FORBIDDEN");
    expect(code(await remove(await ownMembership(owner), admin.token()))).toBe("FORBIDDEN");
    expect(code(await setRole(guest.membershipId, "VIEWER", guest.token("manager")))).toBe("FORBIDDEN");
    expect((await setRole(guest.membershipId, "OWNER", owner.token())).data.updateMembership.membership.role).toBe(
      "OWNER",
    );
  });

  it("is in effect at the next refresh", async () => {
    const owner = await createSomebody(server, "owner");
    const guest = await join(owner, "member");
    const { refreshToken } = await logIn(guest);
    await setRole(guest.membershipId, "VIEWER", owner.token());
    const { data } = await server.post(`mutation($input: RefreshInput!) { refresh(input: $input) { role } }`, {
      variables: { input: { refreshToken } },
    });
    expect(data.refresh.role).toBe("VIEWER");
  });

  it("stays with the last owner, who cannot be removed either, not by two who do it at once", async () => {
    const owner = await createSomebody(server, "owner");
    const id = await ownMembership(owner);
    expect(code(await setRole(id, "ADMIN", owner.token()))).toBe("INVALID_STATE");
    expect(code(await remove(id, owner.token()))).toBe("INVALID_STATE");
    const second = await join(owner, "owner");
    const answers = await Promise.all([remove(id, second.token()), remove(second.membershipId, owner.token())]);
    expect(answers.map((answer) => code(answer) ?? "done").sort()).toEqual(["INVALID_STATE", "done"]);
    const { rows } = await server.database.admin.query(
      "select from iam.memberships where tenant_id = $1 and role = 'owner' and deleted_at is null",
      [owner.tenantId],
    );
    expect(rows).toHaveLength(1);
  });
});

describe("a membership that ends", () => {
  it("ends the member's sessions in this tenant, in every process, and none elsewhere", async () => {
    const owner = await createSomebody(server, "owner");
    const home = await createSomebody(server);
    await server.database.admin.query("select private.create_user($1, $2, 'Guest', 'member', 'x')", [
      owner.tenantId,
      home.email,
    ]);
    const there = await logIn({ ...home, slug: owner.slug });
    const atHome = await logIn(home);
    const socket = openSocket(other.socketUrl, { authorization: `Bearer ${there.accessToken}` });
    const followed = socket.subscribe("subscription($id: ID!) { listImportProgress(importId: $id) { id } }", {
      id: owner.importTypeId,
    });
    await followed.next();
    const membership = await ownMembership({ ...home, tenantId: owner.tenantId });
    expect((await remove(membership, owner.token())).data.deleteMembership).toBeTruthy();
    for (const each of [server, other]) {
      await until(
        "the process knows",
        async () => code(await each.post(lists, { token: there.accessToken })) === "UNAUTHENTICATED",
        5_000,
      );
    }
    expect((await socket.closed).code).toBe(4401);
    expect((await server.post(lists, { token: atHome.accessToken })).data.lists.nodes).toHaveLength(1);
    const { rows } = await server.database.admin.query(
      "select revoked_reason from iam.sessions where tenant_id = $1 and user_id = $2",
      [owner.tenantId, home.userId],
    );
    expect(rows).toEqual([{ revoked_reason: "membership_ended" }]);
  });
});

describe("endSession", () => {
  const end = (id: string, token: string, at = server) =>
    at.post(`mutation($id: ID!) { endSession(input: { sessionId: $id }) { session { id revokedReason } } }`, {
      token,
      variables: { id },
    });
  const sessionOf = async ({ userId, tenantId }: Somebody) => {
    const { rows } = await server.database.admin.query<{ id: string }>(
      "select id from iam.sessions where user_id = $1 and tenant_id = $2 order by id desc",
      [userId, tenantId],
    );
    return encodeTypeId("sess", rows[0]!.id);
  };

  it("ends a session of one's own, in every process", async () => {
    const ann = await createSomebody(server, "viewer");
    const here = await logIn(ann);
    const there = await logIn(ann);
    const { data } = await end(await sessionOf(ann), here.accessToken);
    expect(data.endSession.session.revokedReason).toBe("LOGOUT");
    for (const each of [server, other]) {
      await until(
        "the process knows",
        async () => code(await each.post(lists, { token: there.accessToken })) === "UNAUTHENTICATED",
        5_000,
      );
    }
    expect((await server.post(lists, { token: here.accessToken })).data.lists.nodes).toHaveLength(1);
    expect((await end(await sessionOf(ann), here.accessToken)).data.endSession.session.revokedReason).toBe("LOGOUT");
  });

  it("ends anybody's in the tenant for an admin, and nobody else's for others", async () => {
    const owner = await createSomebody(server, "owner");
    await logIn(owner);
    const [admin, guest] = [await join(owner, "admin"), await join(owner, "manager")];
    const stranger = await createSomebody(server, "owner");
    const id = await sessionOf(owner);
    expect(code(await end(id, guest.token()))).toBe("NOT_FOUND");
    expect(code(await end(id, stranger.token()))).toBe("NOT_FOUND");
    expect((await end(id, admin.token())).data.endSession.session.revokedReason).toBe("ADMIN");
  });
});
