import { escapeLiteral } from "pg";
import { entryFieldApiNames, entryFieldOfApiName, type EntryField } from "./entry-fields.ts";
import { refused, shown } from "./entry-filter-error.ts";
import { filterOperators, type FilterOperator } from "./entry-filter-operators.ts";
import { sqlValue } from "./entry-filter-values.ts";
import { RowhouseError } from "./errors.ts";
import { nearest } from "./nearest.ts";

const depthMax = 20;
const conditionsMax = 1000;

interface Budget {
  conditions: number;
}

/**
 * Compiles a filter of list entries, in the JSON form of the API's filter argument, to a boolean SQL expression over a
 * row `alias` of lists.list_entries; an empty filter is `true`. Names come from a fixed table and values are escaped
 * literals. Throws VALIDATION_FAILED with the path of what it cannot read, LIMIT_EXCEEDED when it is too large.
 */
export function compileEntryFilter(filter: unknown, alias: string): string {
  const budget = { conditions: 0 };
  const entries = Object.entries(asObject(filter ?? {}, "filter"));
  return conjunction(
    entries.map(([name, value]) => entryCondition(name, value, alias, pathTo("filter", name), 1, budget)),
  );
}

/** The path of a field or operator; a name that nobody would write is cut. */
function pathTo(path: string, name: string): string {
  return `${path}.${name.slice(0, 64)}`;
}

function group(filter: unknown, alias: string, path: string, depth: number, budget: Budget): string {
  if (depth > depthMax) throw tooLarge(`${path} is nested deeper than ${depthMax} levels`);
  const entries = Object.entries(asObject(filter, path));
  if (entries.length === 0) throw refused(path, "is empty; name a field, or leave it out");
  return conjunction(
    entries.map(([name, value]) => entryCondition(name, value, alias, pathTo(path, name), depth + 1, budget)),
  );
}

function entryCondition(
  name: string,
  value: unknown,
  alias: string,
  path: string,
  depth: number,
  budget: Budget,
): string {
  switch (name) {
    case "and":
      return conjunction(asList(value, path).map((each, i) => group(each, alias, `${path}[${i}]`, depth, budget)));
    case "or": {
      const alternatives = asList(value, path);
      if (alternatives.length === 0) throw refused(path, "has no alternatives; leave it out to filter by nothing");
      return `(${alternatives.map((each, i) => group(each, alias, `${path}[${i}]`, depth, budget)).join(" or ")})`;
    }
    case "not":
      return `(not ${group(value, alias, path, depth, budget)})`;
  }
  const field = entryFieldOfApiName(name);
  if (!field) throw unknown(path, "field", name, [...entryFieldApiNames, "and", "or", "not"]);
  return fieldCondition(field, value, `${alias}.${field.column}`, path, budget);
}

function fieldCondition(field: EntryField, value: unknown, column: string, path: string, budget: Budget): string {
  const conditions = Object.entries(asObject(value, path));
  if (conditions.length === 0) throw refused(path, 'names no operator, such as {"equalTo": …}');
  const operators = filterOperators(field.kind);
  return conjunction(
    conditions.map(([name, operand]) => {
      const here = pathTo(path, name);
      if (++budget.conditions > conditionsMax) throw tooLarge(`the filter has more than ${conditionsMax} conditions`);
      const operator = operators.get(name);
      if (!operator) throw unknown(here, "operator", name, [...operators.keys()]);
      return `(${operator.sql(column, operandSql(operator, field, operand, here))})`;
    }),
  );
}

function operandSql(operator: FilterOperator, field: EntryField, operand: unknown, path: string): string {
  if (operand === null || operand === undefined) {
    throw refused(path, 'is null; to find empty fields use {"isNull": true}');
  }
  const kind = operator.operand;
  if (kind === "flag") {
    if (typeof operand !== "boolean") throw refused(path, `must be true or false, not ${shown(operand)}`);
    return operand ? "null" : "not null";
  }
  if (kind === "one") return sqlValue(field, operand, path);
  if (kind === "text" || kind === "pattern") return textSql(operand, path, kind === "pattern");
  const list = asList(operand, path);
  if (list.length > 10_000) throw tooLarge(`${path} lists ${list.length} values; at most 10,000 are taken`);
  const values = list.map((each, i) =>
    kind === "many" ? sqlValue(field, each, `${path}[${i}]`) : textSql(each, `${path}[${i}]`, false),
  );
  return `array[${values.join(", ")}]::${kind === "many" ? arrayTypes[field.kind] : "text[]"}`;
}

const arrayTypes = {
  ...{ text: "text[]", enum: "text[]", boolean: "boolean[]", float: "float8[]", integer: "bigint[]" },
  ...{ time: "timestamptz[]", id: "uuid[]", json: "jsonb[]" },
};

function textSql(value: unknown, path: string, isPattern: boolean): string {
  if (typeof value !== "string") throw refused(path, `must be text, not ${shown(value)}`);
  if (value.length > 10_000) throw tooLarge(`${path} has ${value.length} characters; at most 10,000 are taken`);
  if (value.includes("\0")) throw refused(path, "holds a NUL character");
  if (isPattern && /(?<!\\)(\\\\)*\\$/.test(value)) throw refused(path, "ends with a backslash that escapes nothing");
  return escapeLiteral(value);
}

function conjunction(conditions: readonly string[]): string {
  return conditions.length === 0 ? "true" : `(${conditions.join(" and ")})`;
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw refused(path, `must be an object, not ${shown(value)}`);
}

function asList(value: unknown, path: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw refused(path, `must be a list, not ${shown(value)}`);
}

function unknown(path: string, what: string, name: string, known: readonly string[]): RowhouseError {
  return refused(
    path,
    `is no ${what}; did you mean ${nearest(name.slice(0, 64), known)}? There are ${known.join(", ")}`,
  );
}

function tooLarge(problem: string): RowhouseError {
  return new RowhouseError("LIMIT_EXCEEDED", `The filter is too large: ${problem}.`, { field: "filter" });
}
