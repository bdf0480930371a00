import type { NextFunction, Request, RequestHandler, Response } from "express";
import { Counter, Histogram, type Registry } from "prom-client";
import type { Log } from "../../lib/log.ts";
import { scopeOf } from "./request-scope.ts";

const quiet = new Set(["/healthz", "/readyz", "/metrics"]);

/** Writes one line when a request is answered or broken off, and counts it: never a payload, query string or header. */
export function accessLog(log: Log, metrics: Registry): RequestHandler {
  const duration = new Histogram({
    name: "rowhouse_http_request_duration_seconds",
    help: "Time from the first byte of a request to the last byte of its response.",
    labelNames: ["method", "route", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [metrics],
  });
  const errors = new Counter({
    name: "rowhouse_request_errors_total",
    help: "Requests that were answered with an error code, by code.",
    labelNames: ["code"],
    registers: [metrics],
  });
  return (req: Request, res: Response, next: NextFunction) => {
    const started = performance.now();
    const scope = scopeOf(res);
    res.once("close", () => {
      const durationMs = Math.round((performance.now() - started) * 10) / 10;
      const path = pathOf(req);
      const line = {
        requestId: scope.requestId,
        tenantId: scope.session.tenantId,
        method: req.method,
        path,
        operation: scope.operation,
        status: res.statusCode,
        code: scope.code,
        durationMs,
        ...(res.writableFinished ? {} : { aborted: true }),
      };
      // A stream lasts as long as its client wants it.
      if (!String(res.getHeader("content-type")).startsWith("text/event-stream"))
        duration.observe(
          { method: req.method, route: routeOf(path, res.statusCode), status: res.statusCode },
          durationMs / 1000,
        );
      if (scope.code !== undefined) errors.inc({ code: scope.code });
      if (res.statusCode >= 500) log.error(line, "request");
      else if (quiet.has(path)) log.debug(line, "request");
      else log.info(line, "request");
    });
    next();
  };
}

/** The path; of the address of a webhook's source, which is a secret, only the beginning. */
function pathOf(req: Request): string {
  const path = req.originalUrl.split("?", 1)[0]?.slice(0, 200) ?? "/";
  return path.replace(/^\/+hooks\/.*$/i, "/hooks/…");
}

/** The first step of a path: labels must be few, whatever clients ask for. */
function routeOf(path: string, status: number): string {
  return status === 404 ? "other" : `/${path.split("/", 2)[1] ?? ""}`;
}
