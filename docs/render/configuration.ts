import { z } from "zod";
import { variables, type Variable } from "../../lib/config-variables.ts";
import { code, generatedHead, markdownTable } from "./markdown.ts";

interface Schema {
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
}

/** The page of settings. */
export function renderConfiguration(): string {
  const rows = Object.values<Variable>(variables).map((variable) => [
    code(variable.env),
    takes(variable),
    variable.default === undefined ? "" : code(variable.default),
    variable.sentence,
  ]);
  return `${generatedHead("Settings", "`lib/config-variables.ts`")}
Environment variables, or lines of a file \`.env\` in the project's folder; what is set in the environment wins. Empty text counts as unset.
A value that does not fit, and a \`ROWHOUSE_\` variable that is none of these, end the start with a message that names it.

${markdownTable(["variable", "takes", "default", "what it does"], rows)}`;
}

function takes({ type, secret }: Variable): string {
  const schema = z.toJSONSchema(type, { io: "output", unrepresentable: "any" }) as Schema;
  return `${describe(schema)}${secret ? "; never logged" : ""}`;
}

function describe({ type, minimum, maximum, minLength = 1, pattern, format, enum: choices }: Schema): string {
  if (choices) return choices.map(code).join(", ");
  if (type === "integer") return `${minimum} to ${maximum}`;
  if (format === "uri") return "a URL";
  if (pattern?.includes("postgres")) return "a PostgreSQL URL";
  if (pattern) return `text like ${code(pattern)}`;
  return minLength > 1 ? `text, at least ${minLength} characters` : "text";
}
