import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import WebSocket from "ws";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { openSocket, type TestSocket } from "../support/socket.ts";

let server: TestServer;
let ann: Somebody;
const sockets: TestSocket[] = [];

beforeAll(async () => {
  server = await startTestServer({ ROWHOUSE_BODY_BYTES_MAX: "20000" });
  ann = await createSomebody(server);
});
afterEach(async () => {
  for (const { client } of sockets.splice(0)) await client.dispose();
});
afterAll(() => server.remove());

const progress = "subscription($id: ID!) { listImportProgress(importId: $id) { status } }";
const id = () => ({ id: ann.importTypeId });

function open(params: Record<string, unknown> | undefined): TestSocket {
  const socket = openSocket(server.socketUrl, params);
  sockets.push(socket);
  return socket;
}
async function raw(protocol = "graphql-transport-ws"): Promise<WebSocket> {
  const socket = new WebSocket(server.socketUrl, protocol);
  await once(socket, "open");
  return socket;
}
const closeOf = async (socket: WebSocket) => (await once(socket, "close"))[0] as number;

describe("a socket", () => {
  it.each(["authorization", "Authorization"])("takes the token as %s", async (name) => {
    const { data } = await open({ [name]: `Bearer ${ann.token()}` })
      .subscribe("{ me { tenant { slug } } }")
      .next();
    expect(data.me.tenant.slug).toBe(ann.slug);
  });

  it("takes the token by itself", async () => {
    const { data } = await open({ token: ann.token() }).subscribe("{ lists { nodes { name } } }").next();
    expect(data.lists.nodes).toEqual([{ name: "Members" }]);
  });

  it.each([
    ["no token", undefined, "Send an access token"],
    ["a token that is none", { token: "abc" }, "JSON Web Token"],
    ["a header of another scheme", { authorization: "Basic abc" }, "Bearer"],
  ])("with %s is closed with 4401 and the reason", async (_, params, reason) => {
    const socket = open(params);
    await expect(socket.subscribe(progress, id()).completed).rejects.toMatchObject({ code: 4401 });
    const { code, reason: said } = await socket.closed;
    expect(code).toBe(4401);
    expect(said).toContain(reason);
  });

  it("is closed with 4401 when its token ends, also in the middle of a subscription", async () => {
    const { token } = server.tokens.sign(
      { userId: ann.userId, tenantId: ann.tenantId, actorId: ann.actorId, role: "member" },
      2 / 60,
    );
    const socket = open({ token });
    const followed = socket.subscribe(progress, id());
    expect((await followed.next()).data.listImportProgress.status).toBe("AWAITING_UPLOAD");
    expect((await socket.closed).code).toBe(4401);
    await expect(followed.completed).rejects.toMatchObject({ code: 4401 });
  });

  it("is closed when it sends an operation before its token", async () => {
    const socket = await raw();
    socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query: "{ me { role } }" } }));
    expect(await closeOf(socket)).toBe(4401);
  });

  it("is closed with 4408 when it never sends connection_init", async () => {
    expect(await closeOf(await raw())).toBe(4408);
  });

  it("is closed with 1009 when a message is larger than a request may be", async () => {
    const socket = await raw();
    socket.send(JSON.stringify({ type: "connection_init", payload: { token: "x".repeat(30_000) } }));
    expect(await closeOf(socket)).toBe(1009);
  });

  it("may have fifty operations under way, and is told so at the next", async () => {
    const socket = open({ token: ann.token() });
    const fifty = Array.from({ length: 50 }, () => socket.subscribe(progress, id()));
    await Promise.all(fifty.map((each) => each.next()));
    const refused: any = await socket.subscribe(progress, id()).completed.catch((errors: unknown) => errors);
    expect(refused[0].extensions.code).toBe("LIMIT_EXCEEDED");
    expect(refused[0].message).toContain("50 operations");
    // The limit is of what is under way: one less makes room for one more.
    fifty[0]!.stop();
    expect((await socket.subscribe("{ me { role } }").next()).data.me.role).toBe("MEMBER");
  });

  it("is under the same limits as a request: a fragment bomb is refused, not run", async () => {
    const fragments = Array.from({ length: 40 }, (_, n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`);
    const bomb = `{ ...F0 } ${fragments.join(" ")} fragment F40 on Query { __typename }`;
    const refused: any = await open({ token: ann.token() })
      .subscribe(bomb)
      .completed.catch((errors: unknown) => errors);
    expect(refused[0].extensions.code).toBe("LIMIT_EXCEEDED");
  });

  it("of another path is refused", async () => {
    const socket = new WebSocket(server.socketUrl.replace("/graphql", "/elsewhere"), "graphql-transport-ws");
    const [error] = (await once(socket, "error")) as [Error];
    expect(error.message).toContain("404");
  });
});

it("a server that shuts down says 1001 to its sockets, and takes no more requests", async () => {
  const closing = await startTestServer();
  const somebody = await createSomebody(closing);
  const socket = openSocket(closing.socketUrl, { token: somebody.token() });
  const followed = socket.subscribe(progress, { id: somebody.importTypeId });
  await followed.next();
  await closing.close();
  expect((await socket.closed).code).toBe(1001);
  await expect(fetch(`${closing.origin}/healthz`)).rejects.toThrow();
  await closing.remove();
});
