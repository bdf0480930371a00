import { loadConfig, redactConfig } from "../lib/config.ts";
import { databaseUrls } from "../lib/database-urls.ts";
import { SetupError } from "../lib/errors.ts";
import { createLifecycle } from "../lib/lifecycle.ts";
import { createLog } from "../lib/log.ts";
import { createMetrics } from "../lib/metrics.ts";
import { startAdmin } from "./admin.ts";
import { startWorker } from "./app.ts";

/** The connection of the worker: given, or derived from the administrator's. */
function workerUrl(config: ReturnType<typeof loadConfig>): string {
  if (config.workerDatabaseUrl) return config.workerDatabaseUrl;
  if (config.databaseUrl) return databaseUrls(config.databaseUrl, config).worker;
  throw new SetupError(
    "The worker does not know its database. Set ROWHOUSE_WORKER_DATABASE_URL or DATABASE_URL, or run npm start, which brings its own.",
  );
}

async function main(): Promise<void> {
  const config = loadConfig();
  const log = createLog(config, "worker");
  const lifecycle = createLifecycle({ log });
  log.debug({ settings: redactConfig(config) }, "starting");
  const metrics = createMetrics("worker");
  const app = await startWorker({ databaseUrl: workerUrl(config), config, log, metrics });
  lifecycle.onClose("worker", () => app.stop());
  app.failed.catch((error) => {
    log.fatal({ err: error }, "the queue ended");
    void lifecycle.shutDown("the queue ended", 1);
  });
  if (config.workerPort !== undefined) {
    const isReady = async () => !lifecycle.signal.aborted && (await app.pool.query("select 1")).rowCount === 1;
    const admin = await startAdmin(config.host, config.workerPort, metrics, isReady);
    lifecycle.onClose("admin", () => admin.close());
    log.info({ port: admin.port }, "serving health and metrics");
  }
  log.info({ workerId: app.workerId, concurrency: config.workerConcurrency }, "taking jobs");
  process.send?.({ type: "ready" });
}

main().catch((error: unknown) => {
  const text = error instanceof SetupError ? error.message : String((error as Error)?.stack ?? error);
  process.stderr.write(`${text}\n`);
  process.exit(1);
});
