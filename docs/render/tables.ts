import type { Catalogue, EnumFacts, FunctionFacts, SchemaFacts, TableFacts } from "./catalogue.ts";
import { renderDiagram } from "./diagram.ts";
import { code, generatedHead, markdownTable } from "./markdown.ts";

/** A generated page: its path below docs/generated, and its text. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** The dictionary: a page of contents, and one for each schema with its diagram, tables, functions and closed lists. */
export function renderTables(catalogue: Catalogue): Page[] {
  const { schemas, tables } = catalogue;
  const withTables = schemas.filter(({ name }) => tables.some((table) => table.schema === name));
  const contents = withTables.map(({ name, comment }) => {
    const own = tables.filter((table) => table.schema === name);
    const links = own.map((table) => `[${table.name}](${name}.md#${anchor(table)})`);
    return `- **[${name}](${name}.md)** (${own.length}): ${plain(comment)}\n  ${links.join(", ")}`;
  });
  const overview = [
    generatedHead("Tables", "the catalogue of a migrated database"),
    `${tables.filter((table) => !table.isView).length} tables and ${tables.filter((table) => table.isView).length} views. ` +
      `Every one belongs to \`rowhouse_owner\`. The pattern of tenant tables is in [tenancy.md](../../tenancy.md).\n`,
    `${contents.join("\n")}\n`,
  ].join("\n");
  return [
    { path: "tables/README.md", text: overview },
    ...withTables.map((schema) => ({ path: `tables/${schema.name}.md`, text: renderSchema(schema, catalogue) })),
  ];
}

const anchor = ({ schema, name }: TableFacts) => `${schema}${name}`;

function renderSchema({ name, comment }: SchemaFacts, catalogue: Catalogue): string {
  const tables = catalogue.tables.filter((table) => table.schema === name);
  const functions = catalogue.functions.filter((each) => each.schema === name);
  const enums = catalogue.enums.filter((each) => each.name.startsWith(`${name}.`));
  return [
    generatedHead(name, "the catalogue of a migrated database"),
    `${plain(comment)}\n`,
    renderDiagram(tables),
    ...tables.map(renderTable),
    functions.length === 0 ? "" : renderFunctions(functions),
    enums.length === 0 ? "" : renderEnums(enums),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function renderFunctions(functions: readonly FunctionFacts[]): string {
  const rows = functions.map(({ signature, returns, comment, roles }) => [
    code(signature),
    code(returns),
    roles.map((role) => role.replace("rowhouse_", "")).join(", "),
    plain(comment),
  ]);
  return `## Functions that requests may call\n\n${markdownTable(["function", "answer", "least role", "what it does"], rows)}`;
}

function renderTable(table: TableFacts): string {
  const columns = table.columns.map((column) => [
    column.name,
    column.type,
    column.isRequired ? "" : "yes",
    code(column.fallback),
    plain(column.comment),
  ]);
  return [
    `## ${table.schema}.${table.name}\n`,
    `${table.isView ? "A view. " : ""}${plain(table.comment)}\n`,
    markdownTable(["column", "type", "may be null", "default", "what it is"], columns),
    points(
      "Keys and checks",
      table.constraints.map(({ name, definition }) => `\`${name}\`: ${code(shorter(definition))}`),
    ),
    points(
      "Indexes",
      table.indexes.map(({ name, definition, comment }) => {
        const unique = definition.startsWith("CREATE UNIQUE") ? "unique " : "";
        const said = comment ? ` ${plain(comment)}` : "";
        return `\`${name}\`: ${code(unique + definition.replace(/^.* USING /, "").replace(" WHERE ", " where "))}${said}`;
      }),
    ),
    points("Policies", table.policies.map(describePolicy)),
    points("Grants", describeGrants(table.grants)),
    points(
      "Triggers",
      table.triggers.map(({ name, definition }) => `\`${name}\`: ${describeTrigger(definition)}`),
    ),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function renderEnums(enums: readonly EnumFacts[]): string {
  const rows = enums.map(({ name, comment }) => {
    const values = [...comment.matchAll(/^@value (\S+) (.*)$/gm)].map(
      ([, value, meaning]) => `${code(value)} ${meaning}`,
    );
    return [name, plain(comment), values.join("<br>")];
  });
  return `## Closed lists\n\n${markdownTable(["domain", "what it says", "values"], rows)}`;
}

function points(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `${title}:\n\n${lines.map((line) => `- ${line}\n`).join("")}`;
}

/** A comment without the tags that speak to the API. */
function plain(comment: string | null): string {
  return (comment ?? "").replaceAll(/^@.*$/gm, "").trim();
}

/** A constraint as it is written in the book: small keywords, no casts that say nothing. */
function shorter(definition: string): string {
  return definition
    .replaceAll(/\b(PRIMARY KEY|FOREIGN KEY|REFERENCES|ON DELETE|CASCADE|RESTRICT|SET NULL|UNIQUE|CHECK)\b/g, (word) =>
      word.toLowerCase(),
    )
    .replaceAll("::text", "");
}

function describePolicy({
  name,
  isRestrictive,
  command,
  roles,
  reads,
  writes,
}: TableFacts["policies"][number]): string {
  const conditions = [reads && `using ${code(reads)}`, writes && `with check ${code(writes)}`]
    .filter(Boolean)
    .join(", ");
  return `\`${name}\`: ${isRestrictive ? "restrictive, " : ""}${command}, to ${roles.join(", ")}, ${conditions}`;
}

function describeGrants(grants: TableFacts["grants"]): string[] {
  const roles = [...new Set(grants.map(({ role }) => role))];
  return roles.map((role) => {
    const verbs = grants.filter((grant) => grant.role === role);
    return `${role}: ${verbs.map(({ verb, columns }) => (columns ? `${verb} (${columns.join(", ")})` : verb)).join("; ")}`;
  });
}

function describeTrigger(definition: string): string {
  const [, event, , each, call] =
    /^CREATE TRIGGER \S+ (.*?) ON \S+ (REFERENCING .*? )?(FOR EACH \w+).*EXECUTE FUNCTION (.*)$/s.exec(definition) ?? [
      undefined,
      definition,
      "",
      "",
      "",
    ];
  return `${event.toLowerCase()} ${each.toLowerCase()}, ${code(call)}`;
}
