import type { IncomingMessage } from "node:http";
import type { NextFunction, Request, Response } from "express";
import { RowhouseError } from "../../lib/errors.ts";
import { sendError } from "./send-error.ts";

/** Headers that say one thing: sent twice, two programs on the way could each believe another. */
const single = [
  "authorization",
  "content-encoding",
  "content-type",
  "host",
  "idempotency-key",
  "origin",
  "x-request-id",
];

/** The first header that was sent more than once although it may be sent only once. */
export function repeatedHeader({ rawHeaders }: IncomingMessage): string | undefined {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (!single.includes(name)) continue;
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

/** Refuses a request that sends a header twice that says who it is or how to read it. */
export function singleHeaders(req: Request, res: Response, next: NextFunction): void {
  const name = repeatedHeader(req);
  if (name === undefined) return next();
  sendError(
    res,
    new RowhouseError("VALIDATION_FAILED", `The header ${name} was sent more than once. Send it once.`, {
      field: name,
    }),
  );
}
