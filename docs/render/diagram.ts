import type { ReferenceFacts, TableFacts } from "./catalogue.ts";

/** Columns that every table has; the diagram leaves them out. */
const common = ["tenant_id", "created_at", "updated_at", "deleted_at"];

/** Types in one word, as Mermaid wants them. */
const shortTypes: Readonly<Record<string, string>> = {
  "timestamp with time zone": "timestamptz",
  "double precision": "float8",
  "character varying": "varchar",
};

/** An entity-relationship diagram (Mermaid) of the tables of a schema; tables of other schemas are boxes without columns. */
export function renderDiagram(tables: readonly TableFacts[]): string {
  const entities = tables.filter((table) => !table.isView);
  const lines = entities.flatMap((table) => [
    ...table.references.filter(isShown).map((reference) => `  ${relation(table, reference)}`),
    `  ${table.name} {`,
    ...table.columns
      .filter(({ name }) => !common.includes(name))
      .map((column) => `    ${shortType(column.type)} ${column.name}${keyMark(table, column.name)}`),
    "  }",
  ]);
  return `\`\`\`mermaid\nerDiagram\n${lines.join("\n")}\n\`\`\`\n`;
}

const isShown = ({ target }: ReferenceFacts) => target !== "tenants";

function relation(table: TableFacts, reference: ReferenceFacts): string {
  const { columns, target, targetSchema, isRequired, isUnique } = reference;
  const name = targetSchema === table.schema ? target : `"${targetSchema}.${target}"`;
  return `${name} ${isRequired ? "||" : "|o"}--${isUnique ? "o|" : "o{"} ${table.name} : ${columns.join("_")}`;
}

function keyMark(table: TableFacts, column: string): string {
  if (column === "id") return " PK";
  return table.references.some(({ columns }) => columns.includes(column)) ? " FK" : "";
}

function shortType(type: string): string {
  const array = type.endsWith("[]") ? "[]" : "";
  const base = array ? type.slice(0, -2) : type;
  return (shortTypes[base] ?? base.replace(/^.*\./, "").replaceAll(/\W+/g, "_")) + array;
}
