import type { NextFunction, Request, RequestHandler, Response } from "express";
import { RowhouseError } from "../../lib/errors.ts";
import { sendError } from "./send-error.ts";

/**
 * Ends a request whose body has not arrived in time, in milliseconds. It stands in for the server's own
 * `requestTimeout`, which knows no exception for uploads.
 */
export function bodyDeadline(afterMs: number): RequestHandler {
  return (req: Request, res: Response, next: NextFunction) => {
    const timer = setTimeout(() => {
      if (req.complete) return;
      const message = `The request body did not arrive within ${afterMs / 1000} seconds.`;
      res.setHeader("Connection", "close");
      res.once("finish", () => req.destroy());
      if (res.headersSent) req.destroy();
      else sendError(res, new RowhouseError("LIMIT_EXCEEDED", message), 408);
    }, afterMs);
    req.once("end", () => clearTimeout(timer));
    req.once("close", () => clearTimeout(timer));
    next();
  };
}
