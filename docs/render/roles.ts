import type { Catalogue, FunctionFacts, TableFacts } from "./catalogue.ts";
import { code, generatedHead, markdownTable } from "./markdown.ts";

/** The roles of people, from least to most; each may do what the ones before it may. An owner acts as an admin. */
export const matrixRoles = ["viewer", "member", "manager", "admin"] as const;

/** A role of the matrix. */
export type MatrixRole = (typeof matrixRoles)[number];

/** What a role may do with a table, by its grants and the policies that let rows through. */
export interface RoleAccess {
  readonly table: string;
  readonly role: MatrixRole;
  /** All rows of the tenant; those that meet one of the conditions; or nothing. */
  readonly reads: "all" | readonly string[] | undefined;
  /** Columns that it may set in a new row, and in a row that there is. */
  readonly creates: readonly string[];
  readonly changes: readonly string[];
}

/** What each role may do with each table. */
export function roleMatrix({ tables }: Pick<Catalogue, "tables">): RoleAccess[] {
  return tables
    .filter(({ schema }) => !internalSchemas.includes(schema))
    .flatMap((table) => matrixRoles.map((role) => accessOf(table, role)));
}

/** The page of roles: table by role by verb, and verbs of the domain by role. */
export function renderRoles(catalogue: Catalogue): string {
  const matrix = roleMatrix(catalogue);
  const sections = catalogue.schemas
    .filter(({ name }) => matrix.some(({ table }) => table.startsWith(`${name}.`)))
    .map(({ name }) => section(name, catalogue, matrix));
  return `${generatedHead("What each role may do", "the grants and policies of the book")}
Letters: **r**ead, **c**reate, **u**pdate, **d**elete (mark as deleted, and restore). A small **r** in brackets reads some rows only: the
condition is below the table. Rows are always those of one's own tenant. An owner may do what an admin may; the few things that only
owners do, such as making another owner, are guarded by triggers. The API's mutations are these grants: a column that is not named here
cannot be written by anybody. Keys with scopes have the role's rights within their scopes ([api-keys.md](../api-keys.md)).

${sections.join("\n")}`;
}

const internalSchemas = ["app", "ddl", "private"];

function accessOf(table: TableFacts, role: MatrixRole): RoleAccess {
  const upTo = matrixRoles.slice(0, matrixRoles.indexOf(role) + 1).map((name) => `rowhouse_${name}`);
  const granted = (verb: string) => table.grants.filter((grant) => grant.verb === verb && upTo.includes(grant.role));
  const columnsOf = (verb: string) => {
    const grants = granted(verb);
    const all = grants.some(({ columns }) => columns === null) ? table.columns.map(({ name }) => name) : [];
    const named = new Set([...all, ...grants.flatMap(({ columns }) => columns ?? [])]);
    return table.columns.map(({ name }) => name).filter((name) => named.has(name));
  };
  const policies = (command: string) =>
    table.policies.filter(
      (policy) =>
        !policy.isRestrictive &&
        [command, "all"].includes(policy.command) &&
        policy.roles.some((name) => upTo.includes(name) || name === "public"),
    );
  const conditions = policies("select").map(({ reads }) => reads ?? "true");
  const mayRead = granted("select").length > 0 && (table.isView || conditions.length > 0);
  return {
    table: `${table.schema}.${table.name}`,
    role,
    reads: !mayRead ? undefined : table.isView || conditions.includes("true") ? "all" : conditions,
    creates: policies("insert").length > 0 ? columnsOf("insert") : [],
    changes: policies("update").length > 0 ? columnsOf("update") : [],
  };
}

function section(schema: string, { tables, functions }: Catalogue, matrix: readonly RoleAccess[]): string {
  const own = tables.filter((table) => table.schema === schema);
  const of = (table: TableFacts) => matrix.filter((each) => each.table === `${schema}.${table.name}`);
  const rows = own.map((table) => [
    `[${table.name}](tables/${schema}.md)`,
    ...of(table).map(letters),
    exceptions(of(table).at(-1)!),
  ]);
  const conditions = own.flatMap((table) =>
    of(table)
      .filter((access) => Array.isArray(access.reads))
      .map(
        ({ role, reads }) => `- ${table.name}, ${role}: ${(reads as string[]).map((each) => code(each)).join(" or ")}`,
      ),
  );
  const verbs = functions.filter((each) => each.schema === schema);
  return [
    `## ${schema}\n`,
    markdownTable(["table", ...matrixRoles, "columns that can be written"], rows),
    conditions.length > 0 ? `Only rows that meet a condition:\n\n${conditions.join("\n")}\n` : "",
    verbs.length > 0 ? `${markdownTable(["function", "least role"], verbs.map(verbRow))}` : "",
  ]
    .filter(Boolean)
    .join("\n");
}

function verbRow({ signature, roles }: FunctionFacts): string[] {
  const least = matrixRoles.find((role) => roles.includes(`rowhouse_${role}`));
  return [code(signature), roles.includes("rowhouse_anonymous") ? "anybody" : (least ?? "")];
}

function letters({ reads, creates, changes }: RoleAccess): string {
  const updates = changes.some((name) => name !== "deleted_at");
  return [
    reads === "all" ? "r" : reads ? "(r)" : "",
    creates.length > 0 ? "c" : "",
    updates ? "u" : "",
    changes.includes("deleted_at") ? "d" : "",
  ].join("");
}

function exceptions({ creates, changes }: RoleAccess): string {
  const updatable = changes.filter((name) => name !== "deleted_at");
  const both = creates.filter((name) => updatable.includes(name));
  const only = (names: readonly string[]) => names.filter((name) => !both.includes(name));
  return [
    ["", both],
    ["when created: ", only(creates)],
    ["later: ", only(updatable)],
  ]
    .filter(([, names]) => names!.length > 0)
    .map(([label, names]) => `${label as string}${(names as string[]).map((name) => code(name)).join(", ")}`)
    .join("; ");
}
