import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { errorKinds } from "../../lib/errors.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Sender } from "../support/graphql-api.ts";

/** An error as it is sent. */
interface Shown {
  readonly message: string;
  readonly extensions: { readonly code: string };
}

let database: TestDatabase;
let api: GraphqlApi;
let acme: Sender;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database, { ROWHOUSE_STATEMENT_TIMEOUT_MS: "500" });
  acme = await createTenant(database, "acme");
  await api.ask(acme, `mutation { createList(input: { list: { name: "Taken" } }) { list { id } } }`);
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const createList = `mutation ($list: ListInput!) { createList(input: { list: $list }) { list { id } } }`;

test.each([
  ["a duplicate", createList, { list: { name: "Taken" } }, "CONFLICT", "name"],
  ["a broken rule", createList, { list: { name: " " } }, "VALIDATION_FAILED", "name"],
  [
    "null where it may not be",
    `mutation { updateLists(input: { filter: { name: { equalTo: "Taken" } }, patch: { name: null } }) { affectedCount } }`,
    {},
    "VALIDATION_FAILED",
    "name",
  ],
  ["a NUL character in text", createList, { list: { name: "a\u0000b" } }, "VALIDATION_FAILED", undefined],
  [
    "a NUL character in JSON",
    createList,
    { list: { name: "nul", metadata: { a: "\u0000" } } },
    "VALIDATION_FAILED",
    undefined,
  ],
  [
    "a NUL character in a filter",
    `query ($name: String) { lists(filter: { name: { equalTo: $name } }) { totalCount } }`,
    { name: "\u0000" },
    "VALIDATION_FAILED",
    undefined,
  ],
  ["a cursor that is none", `{ lists(after: "junk") { nodes { id } } }`, {}, "VALIDATION_FAILED", undefined],
  [
    "a cursor of another order",
    `query ($c: Cursor) { lists(after: $c, orderBy: NAME_ASC) { nodes { id } } }`,
    { c: Buffer.from('["x","y"]').toString("base64") },
    "VALIDATION_FAILED",
    undefined,
  ],
  [
    "a date that is none",
    `{ lists(filter: { createdAt: { equalTo: "yesterday-ish" } }) { totalCount } }`,
    {},
    "VALIDATION_FAILED",
    undefined,
  ],
  [
    "a number too large",
    `{ listEntries(filter: { lineNumber: { equalTo: "99999999999999999999" } }) { totalCount } }`,
    {},
    "VALIDATION_FAILED",
    undefined,
  ],
  [
    "an enum value that is none",
    `{ lists(filter: { status: { equalTo: LOST } }) { totalCount } }`,
    {},
    "GRAPHQL_VALIDATION_FAILED",
    undefined,
  ],
  ["an unknown field", `{ lists { nodes { tenantId } } }`, {}, "GRAPHQL_VALIDATION_FAILED", undefined],
  ["a variable of the wrong type", createList, { list: { name: 7 } }, "GRAPHQL_VALIDATION_FAILED", undefined],
  ["a missing variable", createList, {}, "GRAPHQL_VALIDATION_FAILED", undefined],
  ["a malformed uuid", `{ listByRowId(rowId: "nope") { id } }`, {}, "GRAPHQL_VALIDATION_FAILED", undefined],
  ["no GraphQL", `{ lists `, {}, "GRAPHQL_PARSE_FAILED", undefined],
  [
    "an unknown job",
    `mutation { cancelJob(input: { jobId: "job_01h00000000000000000000000" }) { job { id } } }`,
    {},
    "NOT_FOUND",
    "jobId",
  ],
])(
  "%s is answered with its code, and with nothing of the database's inside",
  async (_what, query, variables, code, field) => {
    const { errors } = await api.send(acme, query, variables);
    expect(errors).toHaveLength(1);
    const { message, extensions } = errors![0]!;
    expect(Object.keys(errorKinds)).toContain(extensions.code);
    expect({ message, code: extensions.code, field: extensions.field }).toEqual({
      message: expect.any(String),
      code,
      field,
    });
    expect(extensions.requestId).toMatch(/^[\w-]{8,}$/);
    expect(message).not.toMatch(/constraint|relation|_key|_check|violates|syntax for type|pg_|select |tenant_id/);
  },
);

test("a session without a tenant gets TENANT_REQUIRED, and nobody gets UNAUTHENTICATED", async () => {
  const query = "{ lists { totalCount } }";
  expect((await api.send({ role: "member" }, query)).errors?.[0]?.extensions.code).toBe("TENANT_REQUIRED");
  expect((await api.send(undefined, query)).errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
});

test("a statement that takes too long is stopped and answered with TIMEOUT", async () => {
  const client = await database.admin.connect();
  try {
    await client.query("begin; lock table lists.lists in access exclusive mode");
    const { errors } = await api.send(acme, "{ lists { totalCount } }");
    expect(errors?.[0]?.extensions.code).toBe("TIMEOUT");
  } finally {
    await client.query("rollback");
    client.release();
  }
});

test("what is our fault is masked, and the request id of the header is in the error", async () => {
  await database.admin.query("alter table lists.lists rename column description to renamed");
  try {
    const response = await fetch(api.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${api.token(acme)}`,
        "x-request-id": "request-12345",
      },
      body: JSON.stringify({ query: "{ lists { nodes { description } } }" }),
    });
    const { errors } = (await response.json()) as { errors: Shown[] };
    expect(errors[0]).toMatchObject({
      message: "Something went wrong on our side. Tell us this request id: request-12345.",
      extensions: { code: "INTERNAL", requestId: "request-12345" },
    });
    expect(JSON.stringify(errors)).not.toMatch(/does not exist|renamed/);
  } finally {
    await database.admin.query("alter table lists.lists rename column renamed to description");
  }
});

test("a body that is no GraphQL request is answered with a code, too", async () => {
  for (const body of ["{", "[]", JSON.stringify({ query: 7 }), JSON.stringify({})]) {
    const response = await fetch(api.url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${api.token(acme)}` },
      body,
    });
    const { errors } = (await response.json()) as { errors: Shown[] };
    expect({ body, code: errors[0]!.extensions.code }).toEqual({ body, code: "VALIDATION_FAILED" });
  }
});
