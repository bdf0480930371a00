import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  buildSchema,
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isNonNullType,
  isObjectType,
} from "graphql";
import pg from "pg";
import { encodeTypeId } from "../../lib/type-id.ts";
import { type CatalogueTable, tenantTables } from "../support/catalogue.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { type ForeignId, foreignFor, foreignInput } from "../support/foreign-ids.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { insertRowOfEach, type RowIds } from "../support/rows.ts";

const schema = buildSchema(readFileSync(new URL("../../server/schema.graphql", import.meta.url), "utf8"));
const queries = Object.values(schema.getQueryType()!.getFields());
const mutations = Object.values(schema.getMutationType()!.getFields()).filter(
  // Signing in and out names no rows.
  (field) => !["login", "refresh", "switchTenant", "changePassword"].includes(field.name) && field.args.length > 0,
);
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
let foreign: ForeignId[];

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
     from pg_class c where relkind in ('r', 'p') and not relispartition and obj_description(c.oid, 'pg_class') ~ '@typeid'`,
  );
  foreign = tags.flatMap(({ name, prefix }) => {
    const rowId = name === "iam.tenants" ? acme.tenantId : acmeRows.get(name);
    return rowId ? [{ table: name, typeId: encodeTypeId(prefix, rowId), rowId }] : [];
  });
});

afterAll(async () => {
  await api?.close();
  await admin?.end();
  await database?.drop();
});

test("no query finds a row of another tenant by its id", async () => {
  for (const field of lookups) {
    const [arg, ...others] = field.args.filter((each) => isNonNullType(each.type));
    if (!arg || others.length > 0) continue;
    const subject = field.name.replace(/ByRowId$/, "");
    // The row it is made for, and rows of other kinds under the same name.
    for (const { typeId, rowId } of [foreignFor(foreign, subject), ...foreign.slice(0, 3)]) {
      const value = arg.name === "rowId" ? rowId : typeId;
      const { data } = await api.send(
        globex,
        `query($it: ${String(arg.type)}) { found: ${field.name}(${arg.name}: $it) { __typename } }`,
        {
          it: value,
        },
      );
      expect({ field: field.name, found: data?.found ?? null }).toEqual({ field: field.name, found: null });
    }
  }
  expect(lookups.length).toBeGreaterThan(100);
});

test("no list, filter, order, count or aggregate shows a row of another tenant", async () => {
  const strangers = new Set(foreign.flatMap(({ typeId, rowId }) => [typeId, rowId]));
  let [orders, filters, aggregates] = [0, 0, 0];
  for (const field of connections) {
    const type = nodeType(field);
    const shownFields = Object.values(type.getFields())
      .filter((each) => each.args.length === 0 && ["ID", "UUID"].includes(getNamedType(each.type).name))
      .map((each) => each.name);
    const node = shownFields.join(" ") || "__typename";
    const search = field.args.some((arg) => arg.name === "query") ? 'query: "some"' : "";
    const args = (more: string) => (search || more ? `(${[search, more].filter(Boolean).join(", ")})` : "");
    const page = async (more: string, variables: object = {}, head = "") =>
      (
        await api.ask(
          globex,
          `query${head} { page: ${field.name}${args(more)} { totalCount nodes { ${node} } } }`,
          variables,
        )
      ).page;
    const own = await page("");
    const shown = own.nodes.map((each: Json) => JSON.stringify(each)).sort();
    for (const each of own.nodes)
      for (const value of Object.values(each)) expect(strangers.has(String(value))).toBe(false);
    if (!search)
      expect({ field: field.name, count: own.totalCount }).toEqual({ field: field.name, count: shown.length });

    const filter = field.args.find((arg) => arg.name === "filter");
    const filterType = filter && getNamedType(filter.type);
    if (isInputObjectType(filterType) && filterType.getFields()["id"]) {
      filters++;
      const { typeId } = foreignFor(foreign, type.name);
      const found = await api.send(
        globex,
        `query($id: ID!) { page: ${field.name}${args("filter: { id: { equalTo: $id } }")} { totalCount } }`,
        {
          id: typeId,
        },
      );
      expect(found.data?.page?.totalCount ?? 0).toBe(0);
    }
    const order = field.args.find((arg) => arg.name === "orderBy");
    const orderType = order && getNamedType(order.type);
    for (const value of isEnumType(orderType) ? orderType.getValues() : []) {
      orders++;
      const ordered = await page("orderBy: $by", { by: [value.name] }, `($by: ${String(order!.type)})`);
      expect(ordered.nodes.map((each: Json) => JSON.stringify(each)).sort()).toEqual(shown);
    }
    const counted = (getNamedType(field.type) as GraphQLObjectType).getFields()["aggregates"];
    if (counted && type.getFields()["rowId"] && !search) {
      aggregates++;
      const sums = await api.ask(globex, `{ page: ${field.name}${args("")} { aggregates { distinctCount { id } } } }`);
      expect({ field: field.name, count: Number(sums.page.aggregates.distinctCount.id) }).toEqual({
        field: field.name,
        count: shown.length,
      });
    }
  }
  const fields = Object.values(schema.getTypeMap()).flatMap((type) =>
    isObjectType(type) ? Object.keys(type.getFields()) : [],
  );
  console.log(
    `isolation: ${tables.length} tables, ${connections.length} connections, ${filters} filters, ${orders} orders, ` +
      `${aggregates} aggregates, ${lookups.length} look-ups, ${mutations.length} mutations; the API has ${fields.length} fields`,
  );
});

test("no mutation changes, takes or refers to a row of another tenant", async () => {
  const before = await snapshot();
  for (const field of mutations) {
    const subject = field.name
      .replace(/^(create|update|upsert|delete|restore)/, "")
      .replace(/ies$/, "y")
      .replace(/s$/, "");
    const input = foreignInput(foreign, field.args[0]!, subject);
    const counted = payloadFields(field).includes("affectedCount") ? "affectedCount" : "__typename";
    const document = `mutation ($input: ${String(field.args[0]!.type)}) { outcome: ${field.name}(input: $input) { ${counted} } }`;
    const { data, errors } = await api.send(globex, document, { input });
    const isRefused = errors !== undefined || data?.outcome?.affectedCount === 0;
    // What names no row of anybody succeeds in the own tenant, as it should.
    if (foreign.some(({ typeId }) => JSON.stringify(input).includes(typeId)))
      expect({ field: field.name, isRefused }).toEqual({ field: field.name, isRefused: true });
  }
  expect(await snapshot()).toEqual(before);
});

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

/** The type of a connection's nodes. */
function nodeType(field: GraphQLField<unknown, unknown>): GraphQLObjectType {
  const connection = getNamedType(field.type) as GraphQLObjectType;
  return getNamedType(connection.getFields()["nodes"]!.type) as GraphQLObjectType;
}

function payloadFields(field: GraphQLField<unknown, unknown>): string[] {
  const type = getNamedType(field.type);
  return isObjectType(type) ? Object.keys(type.getFields()) : [];
}
