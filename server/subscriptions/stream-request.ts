import type { Request } from "express";
import { RowhouseError } from "../../lib/errors.ts";

const types = ["application/graphql-response+json", "application/json", "text/event-stream"];

/** Whether a request wants its answer as server-sent events more than as JSON. */
export function wantsEvents(req: Request): boolean {
  return req.method === "POST" && req.accepts(types) === "text/event-stream";
}

/** Why a body cannot be read whatever it says; undefined when it can. */
export function unreadable(req: Request): RowhouseError | undefined {
  // Nothing that a form of another site can send.
  return req.is("application/json") ? undefined : refusal("Send it with Content-Type: application/json.");
}

/** The one GraphQL request in a body that was read as bytes. Throws VALIDATION_FAILED when there is none. */
export function readStreamRequest(req: Request): object {
  if (req.headers["idempotency-key"] !== undefined) {
    throw refusal("A stream is not kept for an Idempotency-Key: ask for application/json, or leave the key out.");
  }
  const body = jsonOf(req.body);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw refusal("The body must be one GraphQL request as a JSON object.");
  }
  const { query } = body as { query?: unknown };
  // Clients that name a stored document need not send another.
  return query === undefined ? { ...body, query: "" } : body;
}

function jsonOf(bytes: unknown): unknown {
  try {
    return JSON.parse(Buffer.isBuffer(bytes) ? bytes.toString("utf8") : "");
  } catch {
    return undefined;
  }
}

function refusal(message: string): RowhouseError {
  return new RowhouseError("VALIDATION_FAILED", message);
}
