import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  createSomebody,
  inTenant,
  startTestServer,
  type GraphqlAnswer,
  type Somebody,
  type TestServer,
} from "../support/server.ts";
import { openSocket } from "../support/socket.ts";

let server: TestServer;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  ann = await createSomebody(server, "admin");
  await inTenant(server, ann.tenantId, "insert into crm.contacts (tenant_id, first_name) values ($1, 'Zoltan')", [
    ann.tenantId,
  ]);
});
afterAll(() => server?.remove());

const create = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { key apiKey { scopes } } }";
const makeKey = async (...scopes: string[]): Promise<string> => {
  const input = { name: "Sync", role: "ADMIN", scopes };
  const { data, errors } = await server.post(create, { token: ann.token(), variables: { input } });
  if (errors) throw new Error(JSON.stringify(errors));
  return data.createApiKey.key;
};

const lacks = (answer: GraphqlAnswer, scope: string) => {
  expect(answer.errors).toHaveLength(1);
  expect(answer.errors![0]!.extensions).toMatchObject({ code: "FORBIDDEN", details: { scope } });
  expect(answer.errors![0]!.message).toContain(`lacks the scope ${scope}`);
};

describe("the scopes of an API key", () => {
  it("must exist, and whoever asks for another is told which do", async () => {
    for (const scope of ["lists", "lists:delete", "*", "rowhouse_owner", "audit:write"]) {
      const input = { name: "x", scopes: [scope] };
      const { errors } = await server.post(create, { token: ann.token(), variables: { input } });
      expect(errors![0]!.extensions).toMatchObject({ code: "VALIDATION_FAILED", field: "scopes" });
      expect(errors![0]!.message).toContain("crm:read, crm:write");
    }
  });

  it("hold for rows, nested rows, counts and searches", async () => {
    const key = await makeKey("lists:read");
    const ask = (query: string) => server.post(query, { token: key });
    expect((await ask("{ lists { totalCount nodes { name } } me { scopes } }")).data).toMatchObject({
      lists: { totalCount: 1 },
      me: { scopes: ["lists:read"] },
    });
    lacks(await ask("{ contacts { nodes { id } } }"), "crm:read");
    lacks(await ask("{ contacts { totalCount } }"), "crm:read");
    lacks(await ask(`{ searchContacts(query: "Zoltan") { nodes { id } } }`), "crm:read");
    lacks(await ask("{ lists { nodes { imports { nodes { id } } } } }"), "imports:read");
  });

  it("hold for writing, and for verbs that run as their owner", async () => {
    const { data } = await server.post("{ lists { nodes { id } } }", { token: ann.token() });
    const listId = data.lists.nodes[0].id as string;
    const rename = 'mutation($id: ID!) { updateList(input: { id: $id, patch: { name: "New" } }) { list { name } } }';
    const start = "mutation($id: ID!) { startExport(input: { listId: $id }) { exportJob { status } } }";
    const ask = (key: string, query: string) => server.post(query, { token: key, variables: { id: listId } });
    lacks(await ask(await makeKey("lists:read"), rename), "lists:write");
    lacks(await ask(await makeKey("crm:write"), rename), "lists:read");
    expect((await ask(await makeKey("lists:write"), rename)).data.updateList.list.name).toBe("New");
    lacks(await ask(await makeKey("lists:write"), start), "exports:write");
    lacks(await ask(await makeKey("exports:read"), start), "exports:write");
    expect((await ask(await makeKey("exports:write"), start)).data.startExport.exportJob.status).toBe("QUEUED");
  });

  it("hold for uploads, which go around GraphQL", async () => {
    const upload = async (key: string, method: string) => {
      const url = `${server.origin}/imports/${ann.importTypeId}`;
      const body = method === "POST" ? "email\nann@example.com\n" : undefined;
      const response = await fetch(url, { method, headers: { "x-api-key": key }, ...(body && { body }) });
      return { http: response.status, ...((await response.json()) as object) };
    };
    const refused = { http: 403, code: "FORBIDDEN", details: { scope: "imports:write" } };
    expect(await upload(await makeKey("lists:write"), "POST")).toMatchObject(refused);
    expect(await upload(await makeKey("imports:read"), "POST")).toMatchObject(refused);
    expect(await upload(await makeKey("imports:read"), "GET")).toMatchObject({ http: 200 });
    expect((await upload(await makeKey("imports:write"), "POST")).http).toBeLessThan(300);
  });

  it("hold for what is subscribed to", async () => {
    const follow = async (key: string) => {
      const socket = openSocket(server.socketUrl, { apiKey: key });
      const followed = socket.subscribe("subscription($id: ID!) { listImportProgress(importId: $id) { id } }", {
        id: ann.importTypeId,
      });
      try {
        return await followed.next();
      } finally {
        await socket.client.dispose();
      }
    };
    expect(JSON.stringify(await follow(await makeKey("crm:read")).catch((error: unknown) => error))).toContain(
      "imports:read",
    );
    expect((await follow(await makeKey("imports:read"))).data.listImportProgress.id).toBe(ann.importTypeId);
  });
});
