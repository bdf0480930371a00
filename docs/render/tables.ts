import type { Catalogue, EnumFacts, SchemaFacts, TableFacts } from "./catalogue.ts";
import { code, generatedHead, markdownTable } from "./markdown.ts";

/** The dictionary of tables. */
export function renderTables({ schemas, enums, tables }: Catalogue): string {
  const withTables = schemas.filter(({ name }) => tables.some((table) => table.schema === name));
  const contents = withTables.map(({ name }) => {
    const links = tables.filter((table) => table.schema === name).map((table) => `[${table.name}](#${anchor(table)})`);
    return `- **${name}**: ${links.join(", ")}`;
  });
  return [
    generatedHead("Tables", "the catalogue of a migrated database"),
    `Every table below belongs to \`rowhouse_owner\`. The pattern of tenant tables is in [tenancy.md](../tenancy.md).\n`,
    `${contents.join("\n")}\n`,
    ...withTables.map((schema) =>
      renderSchema(
        schema,
        tables.filter((table) => table.schema === schema.name),
      ),
    ),
    renderEnums(enums),
  ].join("\n");
}

const anchor = ({ schema, name }: TableFacts) => `${schema}${name}`;

function renderSchema({ name, comment }: SchemaFacts, tables: readonly TableFacts[]): string {
  return [`## ${name}\n`, `${plain(comment)}\n`, ...tables.map(renderTable)].join("\n");
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
    `### ${table.schema}.${table.name}\n`,
    `${plain(table.comment)}\n`,
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
