import { loadConfig, redactConfig } from "../lib/config.ts";
import { SetupError } from "../lib/errors.ts";
import { createLifecycle } from "../lib/lifecycle.ts";
import { createLog } from "../lib/log.ts";
import { serverDatabaseUrl } from "./database-url.ts";
import { startServer } from "./start-server.ts";

async function main(): Promise<void> {
  const config = loadConfig();
  const log = createLog(config, "server");
  const lifecycle = createLifecycle({ log });
  process.on("unhandledRejection", (error) => log.error({ err: error }, "a promise was rejected and nobody looked"));
  try {
    log.debug({ settings: redactConfig(config) }, "settings");
    const { port } = await startServer({ config, databaseUrl: serverDatabaseUrl(config), log, lifecycle });
    log.info({ host: config.host, port }, "ready");
    process.send?.({ type: "ready", port });
  } catch (error) {
    if (error instanceof SetupError) log.fatal(error.message);
    else log.fatal({ err: error }, "the server could not start");
    await lifecycle.shutDown("the start failed", 1);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exit(1);
}
