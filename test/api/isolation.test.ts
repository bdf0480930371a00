import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  buildClientSchema,
  getIntrospectionQuery,
  getNamedType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNullableType,
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
import { type ForeignId, foreignFor, foreignInput } from "../support/foreign-ids.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { insertRowOfEach, type RowIds } from "../support/rows.ts";

let schema: GraphQLSchema;
let mutations: GraphQLField<unknown, unknown>[];
let connections: GraphQLField<unknown, unknown>[];
let lookups: GraphQLField<unknown, unknown>[];

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
/** And those of globex. */
let own: ForeignId[];

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database, { ROWHOUSE_QUERY_COST_MAX: "100000" });
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  acme = await createTenant(database, "acme");
  globex = { ...(await createTenant(database, "globex")), role: "admin" };
  tables = await tenantTables(admin);
  acmeRows = await insertRowOfEach(admin, tables, acme.tenantId!);
  const globexRows = await insertRowOfEach(admin, tables, globex.tenantId!);
  const { rows: tags } = await admin.query<{ name: string; prefix: string }>(
    `select c.oid::regclass::text as name, substring(obj_description(c.oid, 'pg_class') from '@typeid (\\w+)') as prefix
     from pg_class c where relkind in ('r', 'p') and not relispartition and obj_description(c.oid, 'pg_class') ~ '@typeid'`,
  );
  const idsOf = (tenantId: string, ids: RowIds): ForeignId[] =>
    tags.flatMap(({ name, prefix }) => {
      const rowId = name === "iam.tenants" ? tenantId : ids.get(name);
      return rowId ? [{ table: name, typeId: encodeTypeId(prefix, rowId), rowId }] : [];
    });
  foreign = idsOf(acme.tenantId!, acmeRows);
  own = idsOf(globex.tenantId!, globexRows);
  schema = buildClientSchema(await api.ask(globex, getIntrospectionQuery()));
  const queries = Object.values(schema.getQueryType()!.getFields());
  connections = queries.filter((field) => getNamedType(field.type).name.endsWith("Connection"));
  lookups = queries.filter((field) => field.args.some((arg) => ["id", "rowId"].includes(arg.name)));
  mutations = Object.values(schema.getMutationType()!.getFields()).filter(
    // Signing in and out names no rows.
    (field) =>
      ![
        "login",
        "refresh",
        "switchTenant",
        "changePassword",
        "acceptInvitation",
        "register",
        "confirmRegistration",
        "requestPasswordReset",
        "resetPassword",
        "confirmTotp",
        "disableTotp",
      ].includes(field.name) && field.args.length > 0,
  );
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
  let [orders, filters, aggregates, groups] = [0, 0, 0, 0];
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
    // Everything written is an event: more of them than a page has unless told.
    const own = await page(search ? "" : "first: 200");
    const shown = own.nodes.map((each: Json) => JSON.stringify(each)).sort();
    for (const each of own.nodes)
      for (const value of Object.values(each)) expect(strangers.has(String(value))).toBe(false);
    if (!search)
      expect({ field: field.name, count: own.totalCount }).toEqual({ field: field.name, count: shown.length });

    const filter = field.args.find((arg) => arg.name === "filter");
    const filterType = filter && getNamedType(filter.type);
    const idFields = isInputObjectType(filterType)
      ? Object.values(filterType.getFields()).filter((each) => getNamedType(each.type).name === "IDFilter")
      : [];
    const byForeignIds = idFields.map(({ name }) => {
      const { typeId } = foreignFor(foreign, name === "id" ? type.name : name);
      return `${name}: ${field.name}${args(`filter: { ${name}: { in: ["${typeId}"] } }`)} { totalCount estimatedCount }`;
    });
    for (const [name, found] of await askAll(byForeignIds)) {
      filters++;
      expect({ field: field.name, name, ...found }).toMatchObject({ totalCount: 0, estimatedCount: 0 });
    }
    const order = field.args.find((arg) => arg.name === "orderBy");
    const orderType = order && getNamedType(order.type);
    const whole = shown.length > 50 ? ", first: 200" : "";
    const byOrder = (isEnumType(orderType) ? orderType.getValues() : []).map(
      ({ name }) => `${name}: ${field.name}${args(`orderBy: [${name}]${whole}`)} { nodes { ${node} } }`,
    );
    for (const [, { nodes }] of await askAll(byOrder)) {
      orders++;
      expect(nodes.map((each: Json) => JSON.stringify(each)).sort()).toEqual(shown);
    }
    const counted = (getNamedType(field.type) as GraphQLObjectType).getFields();
    if (search) continue;
    if (counted["aggregates"]) {
      aggregates++;
      const sums = await api.ask(globex, `{ page: ${field.name} { estimatedCount aggregates { count } } }`);
      expect({ field: field.name, ...sums.page }).toEqual({
        field: field.name,
        estimatedCount: shown.length,
        aggregates: { count: shown.length },
      });
    }
    const groupBy = getNamedType(counted["groupedAggregates"]?.args[0]?.type);
    // The spans of one time differ in nothing but their length.
    const byGroup = isEnumType(groupBy)
      ? groupBy
          .getValues()
          .filter(({ name }) => !/_TRUNCATED_TO_(?!DAY)/.test(name))
          .map(({ name }) => `${name}: ${field.name} { groupedAggregates(groupBy: ${name}) { keys count } }`)
      : [];
    for (const [name, { groupedAggregates }] of await askAll(byGroup)) {
      groups++;
      const count = groupedAggregates.reduce((sum: number, each: Json) => sum + each.count, 0);
      expect({ field: field.name, name, count }).toEqual({ field: field.name, name, count: shown.length });
      for (const key of groupedAggregates.flatMap(({ keys }: Json) => keys)) expect(strangers.has(key)).toBe(false);
    }
  }
  const fields = Object.values(schema.getTypeMap()).flatMap((type) =>
    isObjectType(type) ? Object.keys(type.getFields()) : [],
  );
  console.log(
    `isolation: ${tables.length} tables, ${connections.length} connections, ${filters} filters, ${orders} orders, ` +
      `${aggregates} aggregates, ${groups} groupings, ${lookups.length} look-ups, ${mutations.length} mutations; the API has ${fields.length} fields`,
  );
});

/** Asks for fields under aliases, twenty at a time; those that are refused are left out. */
async function askAll(fields: readonly string[]): Promise<[string, Json][]> {
  const found: [string, Json][] = [];
  for (let from = 0; from < fields.length; from += 20) {
    const { data } = await api.send(globex, `{ ${fields.slice(from, from + 20).join(" ")} }`);
    found.push(...Object.entries<Json>(data ?? {}).filter(([, value]) => value !== null));
  }
  return found;
}

test("no row that is created refers to a row of another tenant by what is nested in it", async () => {
  const before = await snapshot();
  const refused: string[] = [];
  for (const field of mutations) {
    const [slot] = Object.values(inputFields(field.args[0]!));
    if (!/^create/.test(field.name) || !slot) continue;
    const isMany = isListType(getNullableType(slot.type));
    for (const nested of Object.values(inputFields(slot))) {
      const reference = Object.values(inputFields(nested)).find((each) => getNamedType(each.type).name === "ID");
      if (!getNamedType(nested.type).name.endsWith("NestedInput") || !reference) continue;
      const child = foreignInput(own, nested, slot.name) as object[];
      const target = foreignFor(foreign, reference.name === "id" ? nested.name : reference.name);
      const required = Object.values(inputFields(slot)).filter(({ type }) => isNonNullType(type));
      const row = {
        ...Object.fromEntries(required.map((each) => [each.name, foreignInput(own, each, slot.name)])),
        [nested.name]: [{ ...child[0], [reference.name]: target.typeId }],
      };
      const input = { [slot.name]: isMany ? [row] : row };
      const document = `mutation ($input: ${String(field.args[0]!.type)}) { outcome: ${field.name}(input: $input) { __typename } }`;
      const { errors } = await api.send(globex, document, { input });
      const { code, field: path } = errors?.[0]?.extensions ?? {};
      refused.push(`${code} ${path}`);
      const expected = `VALIDATION_FAILED ${slot.name}${isMany ? ".0" : ""}.${nested.name}.0`;
      expect({ nested: nested.name, refusal: `${code} ${path}` }).toEqual({
        nested: nested.name,
        refusal: expect.stringContaining(expected),
      });
    }
  }
  expect(refused.length).toBeGreaterThan(5);
  console.log(`isolation: ${refused.length} nested references`);
  expect(await snapshot()).toEqual(before);
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

function inputFields(slot: GraphQLArgument | GraphQLInputField): Record<string, GraphQLInputField> {
  const type = getNamedType(slot.type);
  return isInputObjectType(type) ? type.getFields() : {};
}

function payloadFields(field: GraphQLField<unknown, unknown>): string[] {
  const type = getNamedType(field.type);
  return isObjectType(type) ? Object.keys(type.getFields()) : [];
}
