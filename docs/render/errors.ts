import { errorKinds, type ErrorKind } from "../../lib/errors.ts";
import { code, generatedHead, markdownTable } from "./markdown.ts";

/** The page of error codes. */
export function renderErrors(): string {
  const rows = Object.entries<ErrorKind>(errorKinds).map(([name, { status, sqlstate, sentence }]) => [
    code(name),
    String(status),
    code(sqlstate),
    sentence,
  ]);
  return `${generatedHead("Errors", "`lib/errors.ts`")}
GraphQL answers with \`errors[].extensions\`: \`code\`, \`requestId\`, and where they help \`field\` (the input that is to blame) and
\`details\`. Plain HTTP routes answer with the same as a JSON object beside \`message\`. The status is that of plain routes, except where
[files.md](../files.md) names another. Functions of the database raise an error by its SQLSTATE.

${markdownTable(["code", "status", "SQLSTATE", "what it means"], rows)}`;
}
