import type { EntryFieldKind } from "./entry-fields.ts";

/** What stands behind an operator: a value of the field's kind, a list of them, text whatever the field's kind is, … */
export type Operand = "flag" | "one" | "many" | "text" | "texts" | "pattern";

/** An operator of the filter language: how it becomes SQL, from a column and a literal. */
export interface FilterOperator {
  readonly operand: Operand;
  readonly sql: (column: string, literal: string) => string;
}

type Operators = Record<string, FilterOperator>;

const operator = (operand: Operand, sql: FilterOperator["sql"]): FilterOperator => ({ operand, sql });
const infix = (operand: Operand, symbol: string) => operator(operand, (c, v) => `${c} ${symbol} ${v}`);

const any: Operators = {
  isNull: operator("flag", (c, v) => `${c} is ${v}`),
  equalTo: infix("one", "="),
  notEqualTo: infix("one", "<>"),
  distinctFrom: infix("one", "is distinct from"),
  notDistinctFrom: infix("one", "is not distinct from"),
  in: operator("many", (c, v) => `${c} = any (${v})`),
  notIn: operator("many", (c, v) => `${c} <> all (${v})`),
};

const sorted: Operators = {
  lessThan: infix("one", "<"),
  lessThanOrEqualTo: infix("one", "<="),
  greaterThan: infix("one", ">"),
  greaterThanOrEqualTo: infix("one", ">="),
};

/** A literal text within a LIKE pattern: its wildcards stand for themselves. */
const plain = (v: string) => `replace(replace(replace(${v}, '\\', '\\\\'), '%', '\\%'), '_', '\\_')`;
const includes = (c: string, v: string) => `position(${v} in ${c}) > 0`;
const endsWith = (c: string, v: string) => `${c} like '%' || ${plain(v)}`;
const not = (sql: FilterOperator["sql"]): FilterOperator["sql"] => {
  return (c, v) => `not (${sql(c, v)})`;
};
const lower =
  (sql: FilterOperator["sql"]): FilterOperator["sql"] =>
  (c, v) =>
    sql(`lower(${c})`, `lower(${v})`);

const sensitive: Record<string, FilterOperator["sql"]> = {
  includes,
  startsWith: (c, v) => `${c} ^@ ${v}`,
  endsWith,
  like: (c, v) => `${c} like ${v}`,
};

const textual: Operators = {};
for (const [name, sql] of Object.entries(sensitive)) {
  const operand = name === "like" ? "pattern" : "text";
  const negated = `not${name[0]!.toUpperCase()}${name.slice(1)}`;
  textual[name] = operator(operand, sql);
  textual[negated] = operator(operand, not(sql));
  textual[`${name}Insensitive`] = operator(operand, lower(sql));
  textual[`${negated}Insensitive`] = operator(operand, not(lower(sql)));
}
for (const [name, { operand, sql }] of Object.entries({ ...any, ...sorted })) {
  if (operand === "one") textual[`${name}Insensitive`] = operator("text", lower(sql));
  if (operand === "many") {
    textual[`${name}Insensitive`] = operator("texts", (c, v) =>
      sql(`lower(${c})`, `array(select lower(t) from unnest(${v}) t)`),
    );
  }
}

const json: Operators = {
  contains: infix("one", "@>"),
  containedBy: infix("one", "<@"),
  containsKey: infix("text", "?"),
  containsAllKeys: infix("texts", "?&"),
  containsAnyKeys: infix("texts", "?|"),
};

const scalar = new Map(Object.entries({ ...any, ...sorted }));
const operators: Record<EntryFieldKind, ReadonlyMap<string, FilterOperator>> = {
  text: new Map(Object.entries({ ...any, ...sorted, ...textual })),
  enum: scalar,
  boolean: scalar,
  float: scalar,
  integer: scalar,
  time: scalar,
  id: scalar,
  json: new Map(Object.entries({ ...any, ...json })),
};

/** The operators of a kind of field, by the name the API has for them. */
export function filterOperators(kind: EntryFieldKind): ReadonlyMap<string, FilterOperator> {
  return operators[kind];
}
