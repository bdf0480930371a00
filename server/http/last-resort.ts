import type { ErrorRequestHandler, Request, Response } from "express";
import { RowhouseError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { scopeOf } from "./request-scope.ts";
import { sendError } from "./send-error.ts";

/** Answers a path that nothing is served at. */
export function notFound(req: Request, res: Response): void {
  const path = req.originalUrl.split("?", 1)[0]?.slice(0, 200);
  sendError(res, new RowhouseError("NOT_FOUND", `There is nothing at ${req.method} ${path}. The API is at /graphql.`));
}

/** Answers a request whose handler threw: our own errors as they are, everything else by its request id only. */
export function lastResort(log: Log): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return (error: unknown, _req, res, _next) => {
    if (res.headersSent) return void res.destroy();
    if (error instanceof RowhouseError) return sendError(res, error);
    const { requestId } = scopeOf(res);
    const status = clientStatus(error);
    if (status !== undefined) {
      return void res
        .status(status)
        .json({ code: "VALIDATION_FAILED", message: "The request cannot be read.", requestId });
    }
    log.error({ err: error, requestId }, "a request failed unexpectedly");
    res
      .status(500)
      .json({ code: "INTERNAL", message: `Something went wrong. Report request ${requestId}.`, requestId });
  };
}

/** The 4xx status that Express gives to requests it cannot parse, such as a malformed percent escape. */
function clientStatus(error: unknown): number | undefined {
  const { status } = error as { status?: unknown };
  return typeof status === "number" && status >= 400 && status < 500 ? status : undefined;
}
