import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { lockTable } from "../support/lock-table.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { startMainProcess } from "../support/server-process.ts";
import { openSocket, type Followed } from "../support/socket.ts";
import { until } from "../support/until.ts";

const settings = {
  ROWHOUSE_TENANT_OPERATIONS_MAX: "3",
  ROWHOUSE_TENANT_SUBSCRIPTIONS_MAX: "2",
  ROWHOUSE_ROLE_STATEMENT_TIMEOUTS: "viewer:200",
  ROWHOUSE_POOL_SIZE: "10",
};
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer(settings);
});
afterAll(() => server?.remove());

const lists = "{ lists { nodes { id } } }";
const progress = "subscription($id: ID!) { listImportProgress(importId: $id) { status } }";
const ask = (who: Somebody, query = lists, role: "viewer" | "member" = "member") =>
  server.post(query, { token: who.token(role) });
const detailsOf = (answer: { errors?: { extensions: Record<string, any> }[] }) =>
  answer.errors?.[0]?.extensions["details"];

describe("the operations of a tenant", () => {
  it("that are under way at once are limited; those of another tenant are not touched", async () => {
    const [ann, bob] = [await createSomebody(server), await createSomebody(server)];
    const release = await lockTable(server.database, "lists.lists");
    try {
      const waiting = [1, 2, 3].map(() => ask(ann));
      const refused = await until("a fourth is refused", async () => {
        const answer = await ask(ann, "{ me { role } }");
        return answer.errors && answer;
      });
      expect(refused.status).toBe(429);
      expect(detailsOf(refused)).toEqual({ name: "operations", limit: 3, count: 3, retryAfterSeconds: 1 });
      expect((await ask(bob, "{ me { role } }")).errors).toBeUndefined();
      await release();
      for (const answer of await Promise.all(waiting)) expect(answer.errors).toBeUndefined();
    } finally {
      await release();
    }
    expect((await ask(await createSomebody(server))).errors).toBeUndefined();
  });

  it("are given back when the process that runs them is killed", async () => {
    const ann = await createSomebody(server);
    const killed = await startMainProcess("server", server.database, settings);
    const sockets = [1, 2].map(() =>
      openSocket(killed.origin.replace("http", "ws") + "/graphql", { token: ann.token() }),
    );
    for (const socket of sockets) await socket.subscribe(progress, { id: ann.importTypeId }).next();
    const follow = async (): Promise<string> => {
      const socket = openSocket(server.socketUrl, { token: ann.token() });
      const followed = socket.subscribe(progress, { id: ann.importTypeId });
      const outcome = await followed.next().then(
        () => "followed",
        (errors: any) => JSON.stringify(errors[0].extensions.details),
      );
      await socket.client.dispose();
      return outcome;
    };
    // What the first process holds is told to the others within a quarter of a second.
    const refused = await until("the other process is heard of", async () => {
      const outcome = await follow();
      return outcome !== "followed" && outcome;
    });
    expect(JSON.parse(refused)).toMatchObject({ name: "subscriptions", limit: 2, count: 2 });
    await killed.kill();
    await until("its places are free", async () => (await follow()) === "followed");
  });
});

describe("the subscriptions of a tenant", () => {
  it("are limited over all its sockets, and one that ends makes room", async () => {
    const ann = await createSomebody(server);
    const opened = [1, 2, 3].map(() => openSocket(server.socketUrl, { token: ann.token() }));
    const followed: Followed[] = [];
    for (const socket of opened.slice(0, 2)) {
      followed.push(socket.subscribe(progress, { id: ann.importTypeId }));
      await followed.at(-1)!.next();
    }
    const third = opened[2]!;
    const refused: any = await third
      .subscribe(progress, { id: ann.importTypeId })
      .next()
      .catch((errors: unknown) => errors);
    expect(refused[0].extensions).toMatchObject({
      code: "LIMIT_EXCEEDED",
      details: { name: "subscriptions", limit: 2, count: 2 },
    });
    // What is not a subscription takes none of their places.
    expect((await third.subscribe("{ me { role } }").next()).data.me.role).toBe("MEMBER");
    followed[0]!.stop();
    await until("there is room", async () => {
      const again = third.subscribe(progress, { id: ann.importTypeId });
      return again.next().then(
        () => true,
        () => false,
      );
    });
    for (const { client } of opened) await client.dispose();
  });
});

describe("statements", () => {
  it("may take as long as their role may: a viewer's is cancelled while a member's goes on", async () => {
    const ann = await createSomebody(server);
    const release = await lockTable(server.database, "lists.lists");
    const member = ask(ann);
    const viewer = await ask(ann, lists, "viewer");
    await release();
    expect(viewer.errors![0]!.extensions).toMatchObject({
      code: "TIMEOUT",
      details: { limit: 0.2, name: "statementSeconds" },
    });
    expect(viewer.errors![0]!.message).toContain("0.2 seconds");
    expect((await member).data.lists.nodes).toHaveLength(1);
  });
});

describe("the database time of a tenant", () => {
  it("is a budget: who used it up is refused in every process, others are not, and it is counted while it is used", async () => {
    const [ann, bob] = [await createSomebody(server), await createSomebody(server)];
    const budget = { ROWHOUSE_TENANT_DATABASE_SECONDS: "1" };
    const one = await startTestServer(budget, server.database);
    const other = await startTestServer(budget, server.database);
    const send = (who: Somebody, query: string) => one.post(query, { token: who.token() });
    const release = await lockTable(server.database, "lists.lists");
    try {
      const waiting = send(ann, lists);
      const refused = await until("the budget is used up by what still goes on", async () => {
        const answer = await send(ann, "{ __typename }");
        return answer.errors && answer;
      });
      expect(refused.status).toBe(429);
      const details = detailsOf(refused);
      expect(details).toMatchObject({ name: "databaseSeconds", limit: 1, retryAfterSeconds: expect.any(Number) });
      expect(details.count).toBeGreaterThanOrEqual(1);
      expect(refused.headers.get("retry-after")).toBe(String(details.retryAfterSeconds));
      await release();
      expect((await waiting).errors).toBeUndefined();
      expect((await send(bob, lists)).errors).toBeUndefined();
      await until("the other server has heard of it", async () => {
        const answer = await other.post(lists, { token: ann.token() });
        return detailsOf(answer)?.name === "databaseSeconds";
      });
    } finally {
      await release();
      await one.close();
      await other.close();
    }
  });
});
