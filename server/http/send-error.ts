import type { Response } from "express";
import type { RowhouseError } from "../../lib/errors.ts";
import { scopeOf } from "./request-scope.ts";

/** Answers a plain HTTP route with an error as JSON: code, message, field, details, request id. */
export function sendError(res: Response, error: RowhouseError, status: number = statusOf(res, error)): void {
  const { code, message, field, details } = error;
  const { requestId } = noteCode(res, error);
  res.status(status).json({ code, message, field, details, requestId });
}

/** Answers a GraphQL request that was refused before it was read. */
export function sendGraphqlError(res: Response, error: RowhouseError, status: number = statusOf(res, error)): void {
  const { requestId } = noteCode(res, error);
  const { code, message, field, details } = error;
  const accepts = res.req.headers.accept ?? "";
  const type = accepts.includes("application/graphql-response+json")
    ? "application/graphql-response+json"
    : "application/json";
  res
    .status(status)
    .type(`${type}; charset=utf-8`)
    .send(JSON.stringify({ errors: [{ message, extensions: { code, field, details, requestId } }] }));
}

function noteCode(res: Response, error: RowhouseError) {
  const scope = scopeOf(res);
  scope.code = error.code;
  return scope;
}

/** The status of an error; what is only too early says when it may come again. */
function statusOf(res: Response, { status, details }: RowhouseError): number {
  const seconds = details?.["retryAfterSeconds"];
  if (typeof seconds !== "number") return status;
  res.setHeader("Retry-After", String(seconds));
  return 429;
}
