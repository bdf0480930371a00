import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  getNamedType,
  getNullableType,
  isInterfaceType,
  isLeafType,
  isNonNullType,
  isObjectType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
} from "graphql";
import pg from "pg";
import { makeSchema } from "postgraphile";
import { generateTenants } from "../../db/seed/generate/generate-tenants.ts";
import { readSeedOptions } from "../../db/seed/generate/options.ts";
import { loadConfig } from "../../lib/config.ts";
import { makePreset } from "../../server/preset.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { testSecret } from "../support/test-urls.ts";

let database: TestDatabase;
let api: GraphqlApi;
let schema: GraphQLSchema;
let owner: Sender;

beforeAll(async () => {
  database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.adminUrl });
  await client.connect();
  const options = readSeedOptions(["--contacts", "120", "--tenants", "1", "--prefix", "shape"])!;
  await generateTenants(client, options, () => undefined);
  await client.end();
  const { rows } = await database.admin.query<{ id: string }>("select id from iam.tenants where slug = 'shape-1'");
  owner = { tenantId: rows[0]!.id, role: "owner" };
  const began = performance.now();
  const config = loadConfig({ ROWHOUSE_SECRET: testSecret, NODE_ENV: "test" });
  ({ schema } = await makeSchema(makePreset({ pool: database.server, config })));
  console.log(
    `schema: ${Object.keys(schema.getTypeMap()).length} types in ${Math.round(performance.now() - began)} ms`,
  );
  api = await startGraphqlApi(database, { ROWHOUSE_QUERY_COST_MAX: "1000000", ROWHOUSE_QUERY_ALIASES_MAX: "500" });
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const objectTypes = (): GraphQLObjectType[] =>
  Object.values(schema.getTypeMap()).filter(
    (type) => isObjectType(type) && !type.name.startsWith("__"),
  ) as GraphQLObjectType[];

/** The list of all rows of a type at the root. */
const listOf = (type: GraphQLObjectType): GraphQLField<unknown, unknown> | undefined =>
  Object.values(schema.getQueryType()!.getFields()).find(
    (field) =>
      getNamedType(field.type).name === `${type.name}Connection` && !field.args.some(({ name }) => name === "query"),
  );

/** A field with as much below it as shows that it resolves; nothing for one that needs arguments. */
function selectionOf(field: GraphQLField<unknown, unknown>): string | undefined {
  if (field.args.some(({ type, defaultValue }) => isNonNullType(type) && defaultValue === undefined)) return undefined;
  const type = getNamedType(field.type);
  if (isLeafType(type)) return field.name;
  if (type.name.endsWith("Connection")) return `${field.name}(first: 2) { totalCount nodes { __typename } }`;
  return isObjectType(type) || isInterfaceType(type) ? `${field.name} { __typename }` : undefined;
}

test.each([
  [
    "Contact",
    "companies positions tags channelIdentifiers customAttributes consents timelineEvents addresses leads segments campaigns tasks messages inboxThreads sequenceEnrollments",
  ],
  ["Company", "contacts positions leads"],
  ["Lead", "contacts labels attempts"],
  ["Campaign", "recipients variants segments messages stats"],
  ["Segment", "members contacts rules history campaigns"],
  ["Sequence", "steps enrollments"],
  ["SequenceEnrollment", "executions"],
  ["Template", "versions"],
  ["Workflow", "versions runs"],
  ["WorkflowRun", "steps"],
  ["InboxThread", "messages assignments slaClocks"],
  ["Blueprint", "versions runs automations"],
  ["PipelineRun", "blocks artifacts"],
  ["Artifact", "parents children"],
  ["WebhookSource", "events"],
  ["List", "entries imports enrichmentPlans dataGroups exportJobs"],
  ["EnrichmentPlan", "steps"],
  ["ListEntry", "enrichmentResults rpcScores dataGroups"],
  ["WebhookSubscription", "deliveries"],
  ["User", "memberships"],
])("a %s has %s", async (typeName, relations) => {
  const list = listOf(schema.getType(typeName) as GraphQLObjectType);
  const selection = relations.split(" ").map((name) => `${name} { totalCount nodes { __typename } }`);
  const query = list
    ? `{ rows: ${list.name}(first: 200) { nodes { ${selection.join(" ")} } } }`
    : usersQuery(selection);
  const data = await api.ask(owner, query);
  const rows: Json[] = data.rows.nodes.map((row: Json) => row.user ?? row);
  const sums = relations.split(" ").map((name) => [name, rows.some((row) => row[name].nodes.length > 0)]);
  expect(sums.filter(([, hasSome]) => !hasSome)).toEqual([]);
});

/** Users are reached by what they are in the tenant. */
const usersQuery = (selection: string[]) => `{ rows: memberships { nodes { user { ${selection.join(" ")} } } } }`;

test.each([
  ["Template", "currentVersion { version }"],
  ["Workflow", "publishedVersion { version }"],
  ["Contact", "primaryPosition { company { name } }"],
  ["InboxThread", "assignedTo { label }"],
  ["Lead", "assignedTo { label }"],
  ["Message", "contact { fullName }"],
  ["Campaign", "funnel { sentCount }"],
  ["List", "quality { entryCount }"],
  ["AttemptLog", "lead { id }"],
])("a %s has one %s", async (typeName, selection) => {
  const list = listOf(schema.getType(typeName) as GraphQLObjectType)!;
  const data = await api.ask(owner, `{ rows: ${list.name}(first: 200) { nodes { ${selection} } } }`);
  const [name] = selection.split(" ") as [string];
  expect(data.rows.nodes.filter((row: Json) => row[name] !== null).length).toBeGreaterThan(0);
});

test("every field of every type resolves for the rows there are", async () => {
  let fields = 0;
  const empty: string[] = [];
  for (const type of objectTypes()) {
    const list = listOf(type);
    if (!list) continue;
    const selections = Object.values(type.getFields()).flatMap((field) => selectionOf(field) ?? []);
    fields += selections.length;
    const { data, errors } = await api.send(
      owner,
      `{ rows: ${list.name}(first: 2) { nodes { ${selections.join(" ")} } } }`,
    );
    expect({ type: type.name, errors }).toEqual({ type: type.name, errors: undefined });
    if (data.rows.nodes.length === 0) empty.push(type.name);
  }
  console.log(
    `shape: ${fields} fields of ${objectTypes().filter(listOf).length} types; no rows of ${empty.join(", ") || "none"}`,
  );
  expect(fields).toBeGreaterThan(1000);
});

test("nothing is named after the way it is stored", () => {
  const names = objectTypes().flatMap((type) =>
    Object.keys(type.getFields()).map((field) => (type === schema.getQueryType() ? field : `${type.name}.${field}`)),
  );
  const awkward = /By[A-Z]\w*Id$|ManyToMany|IdId|sBy[A-Z]/;
  expect(names.filter((name) => awkward.test(name) && !/ByRowId$/.test(name))).toEqual([]);
  expect(Object.keys(schema.getTypeMap()).filter((name) => awkward.test(name))).toEqual([]);
});

test("no uuid is shown where an id of one kind is meant", () => {
  const uuids = objectTypes().flatMap((type) =>
    Object.values(type.getFields())
      .filter(
        (field) => getNamedType(field.type).name === "UUID" && field.name.endsWith("Id") && field.name !== "rowId",
      )
      .map((field) => `${type.name}.${field.name}`),
  );
  // What may be of any kind, or names no row.
  const open = /\.(subjectId|entityId|sourceId|correlationId|requestId)$|^AuditLog\.userId$/;
  expect(uuids.filter((name) => !open.test(name))).toEqual([]);
});

test("every value of every enum of the domain is described", () => {
  const silent = Object.values(schema.getTypeMap()).flatMap((type) =>
    "getValues" in type && !/^__|(OrderBy|GroupBy|Key|Field)$/.test(type.name)
      ? type.getValues().flatMap(({ name, description }) => (description ? [] : [`${type.name}.${name}`]))
      : [],
  );
  expect(silent).toEqual([]);
});

test("a list of a row's own is always there, and its nodes are never null", () => {
  for (const type of objectTypes()) {
    if (!type.name.endsWith("Connection")) continue;
    const nodes = type.getFields()["nodes"]!.type;
    expect({ type: type.name, nodes: String(nodes) }).toEqual({
      type: type.name,
      nodes: expect.stringMatching(/!\]!$/),
    });
    expect(getNullableType(nodes)).not.toBe(nodes);
  }
});
