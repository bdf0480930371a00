import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  buildSchema,
  getNamedType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";
import pg from "pg";
import { encodeTypeId } from "../../lib/type-id.ts";
import { type CatalogueTable, tenantTables } from "../support/catalogue.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { insertRowOfEach, type RowIds } from "../support/rows.ts";

const schema = buildSchema(readFileSync(new URL("../../server/schema.graphql", import.meta.url), "utf8"));
const queries = Object.values(schema.getQueryType()!.getFields());
const mutations = Object.values(schema.getMutationType()!.getFields()).filter((field) => field.name !== "login");
const connections = queries.filter((field) => getNamedType(field.type).name.endsWith("Connection"));
const lookups = queries.filter((field) => field.args.some((arg) => ["id", "rowId"].includes(arg.name)));

let database: TestDatabase;
let api: GraphqlApi;
let admin: pg.Client;
let tables: CatalogueTable[];
/** The one who tries, with every right in a tenant of their own. */
let globex: Sender;
let acme: Sender;
let acmeRows: RowIds;
/** The ids of acme's rows as clients write them. */
let foreign: { typeId: string; rowId: string }[];

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database);
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  acme = await createTenant(database, "acme");
  globex = { ...(await createTenant(database, "globex")), role: "admin" };
  tables = await tenantTables(admin);
  acmeRows = await insertRowOfEach(admin, tables, acme.tenantId!);
  await insertRowOfEach(admin, tables, globex.tenantId!);
  const { rows: tags } = await admin.query<{ name: string; prefix: string }>(
    `select c.oid::regclass::text as name, substring(obj_description(c.oid, 'pg_class') from '@typeid (\\w+)') as prefix
     from pg_class c where relkind = 'r' and obj_description(c.oid, 'pg_class') ~ '@typeid'`,
  );
  foreign = tags.flatMap(({ name, prefix }) => {
    const rowId = name === "iam.tenants" ? acme.tenantId : acmeRows.get(name);
    return rowId ? [{ typeId: encodeTypeId(prefix, rowId), rowId }] : [];
  });
});

afterAll(async () => {
  await api?.close();
  await admin?.end();
  await database?.drop();
});

test("no query finds a row of another tenant by its id", async () => {
  for (const field of lookups)
    for (const { typeId, rowId } of foreign) {
      const args = field.args.filter((arg) => isNonNullType(arg.type));
      if (args.length !== 1) continue;
      const value = args[0]!.name === "rowId" ? rowId : typeId;
      const { data } = await api.send(globex, `{ found: ${field.name}(${args[0]!.name}: "${value}") { __typename } }`);
      expect({ field: field.name, found: data?.found ?? null }).toEqual({ field: field.name, found: null });
    }
  expect(lookups.length).toBeGreaterThan(20);
});

test("no list, filter, order or count shows a row of another tenant", async () => {
  const ids = await idsOf(globex.tenantId!);
  let orders = 0;
  for (const field of connections) {
    const own = await api.ask(globex, `{ page: ${field.name} { totalCount nodes { rowId } } }`);
    const shown: string[] = own.page.nodes.map((node: Json) => node.rowId);
    for (const rowId of shown)
      expect({ field: field.name, isOwn: ids.has(rowId) }).toEqual({ field: field.name, isOwn: true });
    expect(shown.length).toBeGreaterThan(0);
    expect(own.page.totalCount).toBe(shown.length);
    for (const { typeId, rowId } of foreign) {
      const filtered = await api.send(
        globex,
        `{ page: ${field.name}(filter: { id: { equalTo: "${typeId}" } }) { totalCount nodes { rowId } } }`,
      );
      expect(filtered.data?.page?.totalCount ?? 0).toBe(0);
      expect(shown).not.toContain(rowId);
    }
    const order = getNamedType(field.args.find((arg) => arg.name === "orderBy")!.type);
    for (const value of isEnumType(order) ? order.getValues() : []) {
      orders++;
      const page = await api.ask(globex, `{ page: ${field.name}(orderBy: [${value.name}]) { nodes { rowId } } }`);
      expect(page.page.nodes.map((node: Json) => node.rowId).sort()).toEqual([...shown].sort());
    }
  }
  console.log(
    `isolation: ${connections.length} connections, ${orders} orders, ${lookups.length} look-ups, ${mutations.length} mutations`,
  );
});

test("no mutation changes, takes or refers to a row of another tenant", async () => {
  const before = await snapshot();
  for (const field of mutations)
    for (const { typeId } of foreign) {
      const input = inputOf(field.args[0]!, typeId);
      const counted = payloadFields(field).includes("affectedCount") ? "affectedCount" : "__typename";
      const document = `mutation ($input: ${String(field.args[0]!.type)}) { outcome: ${field.name}(input: $input) { ${counted} } }`;
      const { data, errors } = await api.send(globex, document, { input });
      const isRefused = errors !== undefined || data?.outcome?.affectedCount === 0;
      // What names no row of anybody succeeds in the own tenant, as it should.
      if (JSON.stringify(input).includes(typeId))
        expect({ field: field.name, typeId, isRefused }).toEqual({ field: field.name, typeId, isRefused: true });
    }
  expect(await snapshot()).toEqual(before);
});

/** The ids of all rows of a tenant. */
async function idsOf(tenantId: string): Promise<Set<string>> {
  const union = tables.map(({ name }) => `select id from ${name} where tenant_id = $1`).join(" union all ");
  const { rows } = await admin.query<{ id: string }>(union, [tenantId]);
  return new Set(rows.map(({ id }) => id));
}

/** Every row of acme, as text. */
async function snapshot(): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const { name } of tables) {
    const { rows } = await admin.query<{ row: string }>(
      `select t::text as row from ${name} t where tenant_id = $1 order by 1`,
      [acme.tenantId],
    );
    all[name] = rows.map(({ row }) => row);
  }
  return all;
}

function payloadFields(field: GraphQLField<unknown, unknown>): string[] {
  const type = getNamedType(field.type);
  return isObjectType(type) ? Object.keys(type.getFields()) : [];
}

/** A value for an argument or input field: every id in it is the foreign one, the rest is whatever fits. */
function inputOf(slot: GraphQLArgument | GraphQLInputField, id: string): unknown {
  const type = getNamedType(slot.type);
  const isList = isListType(isNonNullType(slot.type) ? slot.type.ofType : slot.type);
  const one = () => {
    if (type.name === "ID") return id;
    if (isEnumType(type)) return type.getValues()[0]!.name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(
        (field) => isNonNullType(field.type) || /(^id|^ids|Id|^patch)$/.test(field.name),
      );
      return Object.fromEntries(fields.map((field) => [field.name, inputOf(field, id)]));
    }
    return (
      { String: "some text", Int: 1, Float: 1, Boolean: true, JSON: {}, UUID: "01900000-0000-7000-8000-000000000000" }[
        type.name
      ] ?? "1"
    );
  };
  return isList ? [one()] : one();
}
