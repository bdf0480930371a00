import { expect, test } from "@jest/globals";
import { buildSchema, parse } from "graphql";
import { countOperations } from "../../../server/limits/count-document.ts";

const schema = buildSchema(`
  type Query { name: String me: Person people(first: Int, last: Int): PersonConnection plain: [Person!]! }
  type PersonConnection { nodes: [Person!]! edges: [PersonEdge!]! totalCount: Int! }
  type PersonEdge { node: Person }
  type Person { id: ID! friends(first: Int): PersonConnection }
`);
const pages = { default: 50, max: 1000 };
const count = (document: string, variables?: Record<string, unknown>) =>
  countOperations(schema, parse(document), pages, variables)[0]!;

test.each([
  ["{ name }", 1],
  ["{ name me { id } }", 3],
  ["{ people { totalCount } }", 2],
  ["{ people { nodes { id } } }", 1 + 50 * 2],
  ["{ people(first: 10) { nodes { id } totalCount } }", 1 + 1 + 10 * 2],
  ["{ people(last: 10) { edges { node { id } } } }", 1 + 10 * 3],
  ["{ people(first: 10) { nodes { friends(first: 3) { nodes { id } } } } }", 1 + 10 * (1 + 1 + 3 * 2)],
  ["{ people(first: 999999) { nodes { id } } }", 1 + 1000 * 2],
  ["{ plain { id } }", 1 + 50],
])("%s costs %d", (document, cost) => {
  expect(count(document).cost).toBe(cost);
});

test("a fragment counts wherever it is spread, as if it stood there", () => {
  const spread = `{ people(first: 10) { ...P } me { ...F } }
    fragment P on PersonConnection { nodes { ...F } }
    fragment F on Person { a: id friends(first: 2) { nodes { id } } }`;
  const written = `{ people(first: 10) { nodes { a: id friends(first: 2) { nodes { id } } } } me { a: id friends(first: 2) { nodes { id } } } }`;
  expect(count(spread)).toEqual(count(written));
});

test("a page size in a variable counts as its value, else its default, else the default of pages", () => {
  const document =
    "query ($n: Int, $m: Int = 5) { people(first: $n) { nodes { friends(first: $m) { nodes { id } } } } }";
  expect(count(document, { n: 2, m: 1 })).toMatchObject({ cost: 1 + 2 * (2 + 2), dependsOnVariables: false });
  expect(count(document)).toMatchObject({ cost: 1 + 50 * (2 + 5 * 2), dependsOnVariables: true });
});

test("doubling fragments are counted exactly, in time linear in their number", () => {
  const bodies = Array.from({ length: 500 }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`);
  const { selections } = count(`{ ...F0 } ${bodies.join(" ")} fragment F500 on Query { name }`);
  expect(selections).toBe(2 ** 500);
});

test("fragments that spread themselves come to an end", () => {
  expect(count("{ ...A } fragment A on Query { name ...B } fragment B on Query { ...A }").selections).toBe(1);
});

test("depth, aliases and root fields are those of the written-out operation", () => {
  const counts = count(
    "{ x: me { ...F } ...R } fragment F on Person { y: id friends { nodes { id } } } fragment R on Query { name z: name }",
  );
  expect(counts).toMatchObject({ depth: 4, aliases: 3, rootFields: 3 });
});
