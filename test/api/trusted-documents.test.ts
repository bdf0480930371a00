import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { openStream, type StreamEvent } from "../support/event-stream.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { spawned } from "../support/spawned.ts";
import { testSecret } from "../support/test-urls.ts";

let database: TestDatabase;
let folder: string;
let only: TestServer;
let allow: TestServer;
let ann: Somebody;
let manifest: Record<string, string>;

const client = {
  "fragments.graphql": "fragment ListParts on List { name ...ListId } fragment ListId on List { id }",
  "lists.ts": [
    "const parts = gql`fragment Unused on List { id }`;",
    "export const lists = graphql(`query Lists($first: Int) { lists(first: $first) { nodes { ...ListParts } } }`);",
    "export const who = /* GraphQL */ `query Who { me { role } }`;",
    "export const renamed = gql`mutation Rename($input: UpdateListInput!) { updateList(input: $input) { list { ...ListParts } } } ${parts}`;",
  ].join("\n"),
  "deep/progress.gql": "subscription Progress($id: ID!) { listImportProgress(importId: $id) { status } }",
};

async function command(...args: string[]): Promise<{ code: unknown; output: string }> {
  const env = {
    PATH: process.env["PATH"],
    NODE_ENV: "production",
    ROWHOUSE_SECRET: testSecret,
    ROWHOUSE_DATA_DIR: folder,
    ROWHOUSE_SERVER_DATABASE_URL: database.serverUrl,
  };
  const run = spawned(process.execPath, ["server/documents.ts", ...args], { env });
  return { code: await run.end(), output: run.output() };
}

async function write(files: Record<string, string>): Promise<string> {
  const target = await mkdtemp(join(folder, "client-"));
  await mkdir(join(target, "deep"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(target, name), text);
  return target;
}

beforeAll(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), "rowhouse-documents-"));
  const out = join(folder, "persisted-documents.json");
  const stored = await command(await write(client), "--out", out);
  expect(stored).toEqual({ code: 0, output: "4 documents; 4 of them are new.\n" });
  manifest = JSON.parse(await readFile(out, "utf8")) as Record<string, string>;
  only = await startTestServer({ NODE_ENV: "production", ROWHOUSE_TRUSTED_DOCUMENTS: "only" }, database);
  allow = await startTestServer({ ROWHOUSE_TRUSTED_DOCUMENTS: "allow" }, database);
  ann = await createSomebody(only);
});
afterAll(async () => {
  await only?.close();
  await allow?.close();
  await database?.drop();
  if (folder) await rm(folder, { recursive: true });
});

const hashOf = (name: string) => Object.entries(manifest).find(([, text]) => text.includes(` ${name}`))![0];
const unknown = "0".repeat(64);

async function send(server: TestServer, body: object) {
  const response = await fetch(`${server.origin}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${ann.token()}` },
    body: JSON.stringify(body),
  });
  return { status: response.status, ...((await response.json()) as { data?: any; errors?: any[] }) };
}

async function overSocket(server: TestServer, payload: object): Promise<{ data?: any; errors?: any }> {
  const socket = createClient({
    url: server.socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { token: ann.token() },
    retryAttempts: 0,
  });
  try {
    return (await socket.iterate({ query: "", ...payload }).next()).value as object;
  } catch (errors) {
    return { errors };
  } finally {
    await socket.dispose();
  }
}

describe("the command", () => {
  it("makes a document of each operation with the fragments it needs, by the SHA-256 of its text", () => {
    expect(Object.keys(manifest)).toHaveLength(4);
    for (const [hash, text] of Object.entries(manifest))
      expect(hash).toBe(createHash("sha256").update(text).digest("hex"));
    const lists = manifest[hashOf("Lists(")]!;
    expect(lists).toContain("fragment ListParts on List");
    expect(lists).toContain("fragment ListId on List");
    expect(lists).not.toContain("Unused");
  });

  it("stores what is new, takes manifests of other tools, and prints the manifest", async () => {
    const text = "query Other { me { role } }";
    const hash = createHash("sha256").update(text).digest("hex");
    const codegen = { [hash]: text, ...manifest };
    const apollo = { format: "apollo-persisted-query-manifest", version: 1, operations: [{ id: hash, body: text }] };
    const target = await write({ "codegen.json": JSON.stringify(codegen), "apollo.json": JSON.stringify(apollo) });
    const first = await command(join(target, "codegen.json"));
    expect(first.output).toContain("5 documents; 1 of them are new.");
    expect(first.output).toContain(`"${hash}"`);
    expect((await command(join(target, "apollo.json"))).output).toContain("1 documents; 0 of them are new.");
    expect((await send(only, { documentId: hash })).data.me.role).toBe("MEMBER");
  });

  it.each([
    [
      "a field that is not there",
      { "a.graphql": "query A { lists { nodes { nothing } } }" },
      "a.graphql: Cannot query field",
    ],
    ["what is no GraphQL", { "a.graphql": "query A {" }, "a.graphql: Syntax Error"],
    [
      "what the limits refuse",
      { "a.graphql": `query A { ${Array.from({ length: 60 }, (_, i) => `a${i}: __typename`).join(" ")} }` },
      "60 aliases",
    ],
    [
      "a fragment that is missing",
      { "a.ts": "gql`query A { lists { nodes { ...Gone } } }`" },
      'Unknown fragment "Gone"',
    ],
    [
      "two fragments of one name",
      {
        "a.graphql": "fragment F on List { id }",
        "b.graphql": "fragment F on List { name } query B { lists { nodes { ...F } } }",
      },
      "another fragment F",
    ],
    ["no operation", { "a.ts": "export {};" }, "no GraphQL operation"],
  ])("stores nothing and says where there is %s", async (_, files, problem) => {
    const { code, output } = await command(await write(files as Record<string, string>));
    expect(code).toBe(1);
    expect(output).toContain(problem);
  });

  it("refuses a manifest whose hashes are not SHA-256, as nobody could ask for them", async () => {
    const target = await write({ "codegen.json": JSON.stringify({ abc: "query A { me { role } }" }) });
    const { code, output } = await command(join(target, "codegen.json"));
    expect(code).toBe(1);
    expect(output).toContain('hashAlgorithm: "sha256"');
  });

  it("cannot put a text under the hash of another", async () => {
    const insert = "insert into private.trusted_documents (hash, document) values ($1, 'query { me { role } }')";
    await expect(database.admin.query(insert, [unknown])).rejects.toThrow("trusted_documents_hash_check");
  });
});

describe("a stored document", () => {
  it.each([
    ["documentId", (hash: string) => ({ documentId: hash })],
    ["documentId with its kind", (hash: string) => ({ documentId: `sha256:${hash}` })],
    ["id", (hash: string) => ({ id: hash })],
    [
      "extensions.persistedQuery",
      (hash: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash: hash } } }),
    ],
  ])("is run by its hash as %s, over HTTP and WebSocket", async (_, naming) => {
    const body = { ...naming(hashOf("Lists(")), variables: { first: 1 } };
    for (const answer of [await send(only, body), await send(allow, body), await overSocket(only, body)])
      expect(answer.data.lists.nodes).toEqual([{ name: "Members", id: expect.any(String) }]);
  });

  it("may be a subscription", async () => {
    const { data } = await overSocket(only, { documentId: hashOf("Progress("), variables: { id: ann.importTypeId } });
    expect(data.listImportProgress.status).toBe("AWAITING_UPLOAD");
  });

  it("is run instead of another text that comes with its hash", async () => {
    const body = { documentId: hashOf("Who"), query: "{ lists { nodes { id } } }" };
    expect((await send(only, body)).data).toEqual({ me: { role: "MEMBER" } });
    expect((await overSocket(only, body)).data).toEqual({ me: { role: "MEMBER" } });
  });

  it("is nothing to a server that is not told to look for any", async () => {
    const off = await startTestServer({}, database);
    expect((await send(off, { documentId: hashOf("Who") })).status).toBe(400);
    await off.close();
  });
});

describe("where only stored documents may be run", () => {
  it.each([
    ["a document of the sender's own", { query: "{ me { role } }" }, "FORBIDDEN", 403],
    ["the text of a stored one without its hash", { query: "query Who {\n  me {\n    role\n  }\n}" }, "FORBIDDEN", 403],
    ["a hash that is not known", { documentId: unknown }, "NOT_FOUND", 404],
    ["a hash that is not known, with a text", { documentId: unknown, query: "{ me { role } }" }, "NOT_FOUND", 404],
    ["a hash that is none", { documentId: "../../etc/passwd" }, "NOT_FOUND", 404],
    ["a hash that is no text", { documentId: { hash: unknown }, query: "{ me { role } }" }, "FORBIDDEN", 403],
  ])("%s is refused over HTTP, WebSocket and server-sent events", async (_, body, code, status) => {
    const answer = await send(only, body);
    expect(answer.status).toBe(status);
    expect(answer.errors).toEqual([
      {
        message: expect.stringMatching(/npm run documents/),
        extensions: { code, field: "documentId", requestId: expect.any(String) },
      },
    ]);
    const { errors } = await overSocket(only, body);
    const stream = await openStream(`${only.origin}/graphql`, ann.token(), body);
    const [{ data: told }] = (await stream.rest()) as [StreamEvent];
    for (const error of [errors[0], told.errors[0]])
      expect(error).toMatchObject({ message: answer.errors![0].message, extensions: { code } });
  });

  it("nothing that was sent is written to the log", async () => {
    await send(only, {
      query: `mutation { login(input: {email: "a", password: "a password to keep"}) { expiresAt } }`,
    });
    expect(JSON.stringify(only.logged)).not.toContain("a password to keep");
  });
});

describe("where stored documents are allowed beside others", () => {
  it("others are run as ever, also with a hash that is not known", async () => {
    for (const extra of [{}, { documentId: unknown }])
      expect((await send(allow, { query: "{ me { role } }", ...extra })).data.me.role).toBe("MEMBER");
  });

  it("a hash that is not known is refused when there is nothing else to run", async () => {
    expect((await send(allow, { documentId: unknown })).errors![0].extensions.code).toBe("NOT_FOUND");
  });
});
