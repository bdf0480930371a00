import { createHash, timingSafeEqual } from "node:crypto";
import type { RequestHandler } from "express";
import type { Pool } from "pg";
import { Gauge, type Registry } from "prom-client";
import { RowhouseError } from "../../lib/errors.ts";
import { isFromThisMachine } from "./client-address.ts";
import { sendError } from "./send-error.ts";

/**
 * Serves the metrics of this process as Prometheus text, with the state of its pool: to whoever sends the token of the
 * settings as a bearer, or without one only to this machine itself, and not through a proxy.
 */
export function metricsRoute(metrics: Registry, pool: Pool, token: string | undefined): RequestHandler {
  new Gauge({
    name: "rowhouse_pool_connections",
    help: "Connections of the pool to PostgreSQL, by state; waiting counts requests for one.",
    labelNames: ["state"],
    registers: [metrics],
    collect() {
      this.set({ state: "idle" }, pool.idleCount);
      this.set({ state: "busy" }, pool.totalCount - pool.idleCount);
      this.set({ state: "waiting" }, pool.waitingCount);
    },
  });
  return async (req, res) => {
    const isAllowed =
      token === undefined ? isFromThisMachine(req) : isSame(req.headers.authorization, `Bearer ${token}`);
    if (!isAllowed) {
      const message =
        token === undefined
          ? "Metrics are shown to this machine only. Set ROWHOUSE_METRICS_TOKEN to read them from elsewhere."
          : "Metrics need the token of ROWHOUSE_METRICS_TOKEN: Authorization: Bearer <token>.";
      return sendError(res, new RowhouseError(token === undefined ? "FORBIDDEN" : "UNAUTHENTICATED", message));
    }
    res.type(metrics.contentType).send(await metrics.metrics());
  };
}

function isSame(given: string | undefined, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given ?? ""), digest(wanted));
}
