import { randomUUID } from "node:crypto";
import { GraphQLError } from "graphql";
import { isSafeError } from "postgraphile/grafast";
import { errorKinds, RowhouseError, type ErrorCode } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { currentRequest } from "../http/request-scope.ts";
import { translateDatabaseError } from "./database-error.ts";

/** What a client is told of an error. */
interface Finding {
  readonly code: ErrorCode;
  readonly message: string;
  readonly field?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

const presented = new WeakSet<object>();

/** What GraphQL's own libraries say without a place in the document, and a client may read. */
const safeWithoutPlace =
  /^(Must provide|Too many (validation )?errors|Unknown operation named|Only (queries|one)|Argument `operationName`)/;
/** What libraries throw as plain errors although the client is to blame. */
const clientMistakes = /^(Null literals|Empty objects) are forbidden in filter argument input\.$/;

/**
 * The error as a client may see it: `extensions` has `code`, `requestId` and, where known, `field` and `details`. Whatever
 * is nobody's fault but ours is logged in full and shown as INTERNAL. An error that was presented stays as it is.
 * While a document is read and validated, GraphQL's own errors are about the document.
 */
export function presentError(
  error: unknown,
  log: Log | undefined,
  stage: "document" | "execution" = "execution",
): GraphQLError {
  if (error instanceof GraphQLError && presented.has(error)) return error;
  const scope = currentRequest();
  const requestId = scope?.requestId ?? randomUUID();
  const finding = findOut(error, stage) ?? internal(error, requestId, log);
  const { code, message, field, details } = finding;
  if (scope) scope.code ??= code;
  const place = error instanceof GraphQLError ? error : undefined;
  const result = new GraphQLError(message, {
    nodes: place?.nodes,
    source: place?.source,
    positions: place?.positions,
    path: place?.path,
    extensions: { code, ...(field !== undefined && { field }), ...(details && { details }), requestId },
  });
  presented.add(result);
  return result;
}

function findOut(error: unknown, stage: string): Finding | undefined {
  if (error instanceof RangeError && error.message.startsWith("Maximum call stack")) {
    return { code: "LIMIT_EXCEEDED", message: "The document nests too deep to be read." };
  }
  if (!(error instanceof GraphQLError)) return findCause(error);
  const cause = error.originalError;
  if (cause && !(cause instanceof GraphQLError)) return findCause(cause) ?? undefined;
  const shown = cause instanceof GraphQLError ? cause : error;
  const code = shown.extensions["code"];
  if (isErrorCode(code)) {
    const { field, details } = shown.extensions as { field?: string; details?: Record<string, unknown> };
    return { code, message: shown.message, field, details };
  }
  if (shown.message.startsWith("Syntax Error")) return { code: "GRAPHQL_PARSE_FAILED", message: shown.message };
  const isPlaced = Boolean(error.locations?.length) && !error.path;
  // A scalar that refuses a literal or a variable is a GraphQLError within one.
  if (stage === "document" || isPlaced || cause || safeWithoutPlace.test(error.message)) {
    return { code: "GRAPHQL_VALIDATION_FAILED", message: error.message };
  }
  return undefined;
}

function findCause(cause: unknown): Finding | undefined {
  if (cause instanceof RowhouseError) return cause;
  const translated = translateDatabaseError(cause);
  if (translated) return translated;
  if (!(cause instanceof Error)) return undefined;
  if (isSafeError(cause) || clientMistakes.test(cause.message)) {
    return { code: "VALIDATION_FAILED", message: cause.message };
  }
  // One error may be wrapped in another on its way, such as by a loader.
  return cause.cause === undefined ? undefined : findCause(cause.cause);
}

function internal(error: unknown, requestId: string, log: Log | undefined): Finding {
  const cause = error instanceof GraphQLError ? (error.originalError ?? error) : error;
  const path = error instanceof GraphQLError ? error.path?.join(".") : undefined;
  log?.error({ err: cause, requestId, path }, "a GraphQL request failed");
  return { code: "INTERNAL", message: `Something went wrong on our side. Tell us this request id: ${requestId}.` };
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(errorKinds, code);
}
