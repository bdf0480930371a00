import type { RequestHandler } from "express";
import type { Pool } from "pg";
import { Gauge, type Registry } from "prom-client";

/** Serves the metrics of this process as Prometheus text, with the state of its pool. */
export function metricsRoute(metrics: Registry, pool: Pool): RequestHandler {
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
  return async (_req, res) => {
    res.type(metrics.contentType).send(await metrics.metrics());
  };
}
