import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { lexicographicSortSchema, printSchema, type GraphQLSchema } from "graphql";
import { makeSchema } from "postgraphile";
import { loadConfig } from "../../lib/config.ts";
import { makePreset } from "../../server/preset.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { expectGolden } from "../support/golden.ts";
import { testSecret } from "../support/test-urls.ts";

let database: TestDatabase;
let schema: GraphQLSchema;

beforeAll(async () => {
  database = await createTestDatabase();
  const config = loadConfig({ ROWHOUSE_SECRET: testSecret, NODE_ENV: "test" });
  ({ schema } = await makeSchema(makePreset({ pool: database.server, config })));
});

afterAll(async () => {
  await database?.drop();
});

test("server/schema.graphql is the API as clients see it", () => {
  expectGolden("server/schema.graphql", `${printSchema(lexicographicSortSchema(schema))}\n`);
});

test("the tenant is nowhere in it, nor are the inner names of a library", () => {
  const names = Object.values(schema.getTypeMap())
    .filter((type) => !type.name.startsWith("__"))
    .flatMap((type) => [
      type.name,
      ...("getFields" in type ? Object.keys(type.getFields()).map((name) => `${type.name}.${name}`) : []),
    ]);
  // Workflows have nodes, whose ids are columns of ours.
  const others = names.filter((name) => !/^Workflow/.test(name));
  expect(others.filter((name) => /tenantId|tenant_id|nodeId|clientMutationId|ByTenant|\.query$/i.test(name))).toEqual(
    [],
  );
});

test("every type, field and argument that is not named after a column says what it is", () => {
  const silent = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith("__") && !type.description);
  expect(silent.map((type) => type.name)).toEqual([]);
});
