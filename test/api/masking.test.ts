import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  buildClientSchema,
  getIntrospectionQuery,
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isNonNullType,
  isObjectType,
} from "graphql";
import pg from "pg";
import { encodeTypeId } from "../../lib/type-id.ts";
import { tenantTables } from "../support/catalogue.ts";
import { contactSecrets, contactTraces, plantSecrets } from "../support/contact-secrets.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { insertRowOfEach, type RowIds } from "../support/rows.ts";
import { until } from "../support/until.ts";

type Field = GraphQLField<unknown, unknown>;

let database: TestDatabase;
let api: GraphqlApi;
let admin: pg.Client;
let schema: GraphQLSchema;
let acme: Sender;
let rows: RowIds;
let masked: Sender;
/** A viewer of another tenant, with the same rows, that masks nothing. */
let plain: Sender;
let plainRows: RowIds;
/** Prefix of the ids of each type. */
let prefixes: Map<string, string>;

const setMasking = `mutation ($it: Boolean!) { maskContactData(input: { isMasked: $it }) { tenant { settings } } }`;

async function mask(sender: Sender, isMasked: boolean): Promise<void> {
  await api.ask({ ...sender, role: "admin" }, setMasking, { it: isMasked });
}

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database, {
    ROWHOUSE_QUERY_COST_MAX: "1000000",
    ROWHOUSE_QUERY_DEPTH_MAX: "20",
    ROWHOUSE_QUERY_ALIASES_MAX: "1000",
  });
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  acme = await createTenant(database, "acme");
  const globex = await createTenant(database, "globex");
  const tables = await tenantTables(admin);
  rows = await insertRowOfEach(admin, tables, acme.tenantId!);
  await insertRowOfEach(admin, tables, acme.tenantId!);
  plainRows = await insertRowOfEach(admin, tables, globex.tenantId!);
  await insertRowOfEach(admin, tables, globex.tenantId!);
  await plantSecrets(admin, acme.tenantId!, false);
  await plantSecrets(admin, globex.tenantId!, false);
  const found = await admin.query<{ name: string; prefix: string }>(
    `select c.oid::regclass::text as name, substring(obj_description(c.oid, 'pg_class') from '@typeid (\\w+)') as prefix
     from pg_class c where relkind in ('r', 'p') and not relispartition and obj_description(c.oid, 'pg_class') ~ '@typeid'`,
  );
  prefixes = new Map(found.rows.map(({ name, prefix }) => [name, prefix]));
  masked = { ...acme, role: "viewer" };
  plain = { ...globex, role: "viewer" };
  schema = buildClientSchema(await api.ask(acme, getIntrospectionQuery()));
  await mask(acme, true);
  await until("masking takes effect", async () => {
    const { contacts } = await api.ask(masked, `{ contacts { nodes { primaryEmail } } }`);
    return contacts.nodes.every((each: Json) => each.primaryEmail === null || each.primaryEmail.includes("•"));
  });
}, 120_000);

afterAll(async () => {
  await api?.close();
  await admin?.end();
  await database?.drop();
});

/** What of a type can be asked for without more: its values, and those of the objects in it. */
function shown(type: GraphQLObjectType, depth = 1): string {
  const parts = Object.values(type.getFields()).flatMap((field) => {
    // Versions are other transactions'; links are refused as a whole; only groups have keys.
    if (["rowVersion", "downloadUrl", "keys"].includes(field.name)) return [];
    const query = field.args.some((arg) => arg.name === "query") ? `(query: "some zq1 0177 secretmail")` : "";
    if (!query && field.args.some((arg) => isNonNullType(arg.type))) return [];
    const inner = getNamedType(field.type);
    if (isLeafType(inner)) return [`${field.name}${query}`];
    if (depth === 0 || !isObjectType(inner) || inner.name.startsWith("Page")) return [];
    const nodes = getNamedType(inner.getFields()["nodes"]?.type);
    if (isObjectType(nodes)) return [`${field.name} { nodes { ${shown(nodes, 0)} } }`];
    const fields = shown(inner, 0);
    return fields ? [`${field.name} { ${fields} }`] : [];
  });
  return parts.join(" ");
}

const guesses = [contactSecrets[0].email, contactSecrets[1].phone, "z•••@s•••.example"];

/** Every question that could be asked of a connection, each a field under an alias. */
function questionsOf(field: Field): string[] {
  const connection = getNamedType(field.type) as GraphQLObjectType;
  const node = getNamedType(connection.getFields()["nodes"]!.type) as GraphQLObjectType;
  const isSearch = field.args.some((arg) => arg.name === "query");
  const searches = [
    "some",
    "zq1",
    "hidden@secretmail.example",
    "0177",
    "+1 206 555 0177",
    "some -zq1",
    'some -"secretmail"',
    "hiden",
    "secretmial",
  ];
  if (isSearch)
    return searches.map(
      (query) => `${field.name}(query: ${JSON.stringify(query)}) { totalCount nodes { ${shown(node)} } }`,
    );
  const questions = [`${field.name} { totalCount estimatedCount nodes { ${shown(node)} } }`];
  const named = (name: string) => getNamedType(field.args.find((arg) => arg.name === name)?.type);
  const filter = named("filter");
  if (isInputObjectType(filter))
    for (const { name, type } of Object.values(filter.getFields())) {
      if (getNamedType(type).name === "StringFilter")
        for (const guess of guesses)
          for (const operator of ["equalTo", "lessThan"])
            questions.push(
              `${field.name}(filter: { ${name}: { ${operator}: ${JSON.stringify(guess)} } }) { totalCount }`,
            );
    }
  const order = named("orderBy");
  for (const { name } of isEnumType(order) ? order.getValues() : [])
    questions.push(
      `${field.name}(first: 1, orderBy: [${name}]) { pageInfo { endCursor } nodes { ${"id" in node.getFields() ? "id" : "__typename"} } }`,
    );
  const aggregates = getNamedType(connection.getFields()["aggregates"]?.type);
  if (isObjectType(aggregates)) questions.push(`${field.name} { aggregates { ${shown(aggregates)} } }`);
  const groupBy = getNamedType(connection.getFields()["groupedAggregates"]?.args[0]?.type);
  for (const { name } of isEnumType(groupBy) ? groupBy.getValues() : [])
    if (!/_TRUNCATED_TO_(?!DAY)/.test(name))
      questions.push(`${field.name} { groupedAggregates(groupBy: ${name}) { keys count } }`);
  return questions;
}

function allQuestions(ids: RowIds): string[] {
  const queries = Object.values(schema.getQueryType()!.getFields());
  const questions = queries
    .filter((field) => getNamedType(field.type).name.endsWith("Connection"))
    .flatMap(questionsOf);
  const byTable = new Map([...ids].map(([table, id]) => [prefixes.get(table), id]));
  for (const field of queries) {
    const [arg, ...others] = field.args.filter((each) => isNonNullType(each.type));
    const type = getNamedType(field.type);
    const table = [...prefixes.keys()].find(
      (name) => name.split(".")[1]!.replace(/_(\w)/g, (_, c: string) => c.toUpperCase()) === `${field.name}s`,
    );
    if (arg?.name !== "id" || others.length > 0 || !table || !isObjectType(type)) continue;
    const prefix = prefixes.get(table)!;
    const id = byTable.get(prefix);
    if (id) questions.push(`${field.name}(id: "${encodeTypeId(prefix, id)}") { ${shown(type)} }`);
  }
  return questions;
}

/** The answers to questions, twenty at a time. */
async function answers(sender: Sender, questions: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (let from = 0; from < questions.length; from += 20) {
    const asked = questions.slice(from, from + 20);
    const { data, errors } = await api.send(sender, `{ ${asked.map((each, i) => `q${i}: ${each}`).join(" ")} }`);
    const refused = (i: number) =>
      errors?.find(({ path }) => path?.[0] === `q${i}`) ?? (data ? undefined : errors?.[0]);
    asked.forEach((_, i) => {
      const error = refused(i);
      found.push(
        error
          ? `${error.extensions["code"]} ${error.message.replace(/request id:.*/, "")}`
          : JSON.stringify(data[`q${i}`]),
      );
    });
  }
  return found;
}

describe("a viewer of a tenant that masks contact data", () => {
  test("is answered what other viewers are, with every address and number masked, and nothing depends on what they are", async () => {
    const questions = allQuestions(rows);
    const before = await answers(masked, questions);
    await plantSecrets(admin, acme.tenantId!, true);
    const after = await answers(masked, questions);
    const others = await answers(plain, allQuestions(plainRows));
    const told: unknown[] = [];
    const depends: unknown[] = [];
    const refused: unknown[] = [];
    let shownToOthers = 0;
    questions.forEach((question, i) => {
      const readable = (answer: string) =>
        answer.replace(/"endCursor":"([^"]*)"/g, (_, c: string) => Buffer.from(c, "base64").toString());
      if (contactTraces.test(readable(before[i]!)))
        told.push({ question: question.slice(0, 200), at: contactTraces.exec(readable(before[i]!)) });
      if (before[i] !== after[i])
        depends.push({ question, before: before[i]!.slice(0, 300), after: after[i]!.slice(0, 300) });
      if (contactTraces.test(others[i]!)) shownToOthers++;
      const isRefused = (answer: string) => !/^[{[n]/.test(answer);
      if (isRefused(before[i]!) && !isRefused(others[i]!))
        refused.push({ question: question.slice(0, 300), answer: before[i] });
    });
    expect({ told, depends, refused }).toEqual({ told: [], depends: [], refused: [] });
    // The test looks where there is something to see.
    expect(shownToOthers).toBeGreaterThan(60);
    console.log(`masking: ${questions.length} questions, ${shownToOthers} of them show addresses or numbers to others`);
  }, 300_000);
});
