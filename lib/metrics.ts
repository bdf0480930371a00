import { collectDefaultMetrics, Registry } from "prom-client";

/** The Prometheus metrics of this process; the tenant is never a label. */
export function createMetrics(processName: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ process: processName });
  collectDefaultMetrics({ register: registry, prefix: "rowhouse_" });
  return registry;
}
