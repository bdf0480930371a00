import { createServer } from "node:net";
import { join } from "node:path";
import { ApiClient } from "./db/seed/api-client.ts";
import { pushDemoList, type DemoSummary } from "./db/seed/demo-list.ts";
import { fillDemoTenants } from "./db/seed/demo-data.ts";
import { createDemoTenants, DEMO_PASSWORD, DEMO_TENANTS } from "./db/seed/demo-tenants.ts";
import { createDemoBar } from "./db/seed/demo-bar.ts";
import { childEnvironment, loadConfig, projectDir, redactConfig, type Config } from "./lib/config.ts";
import { databaseUrls, type DatabaseUrls } from "./lib/database-urls.ts";
import { embeddedOptions, startEmbeddedPostgres } from "./lib/embedded-postgres.ts";
import { SetupError } from "./lib/errors.ts";
import { createLifecycle, type Lifecycle } from "./lib/lifecycle.ts";
import { createLog, type Log } from "./lib/log.ts";
import { ensureDatabase, ensureRoles, migrate } from "./lib/migrate.ts";
import { supervise } from "./lib/supervisor.ts";

/** npm start: the database, its migrations, the demo, a server and a worker, until Ctrl-C. */
async function main(): Promise<void> {
  const config = loadConfig();
  const log = createLog(config, "rowhouse");
  const lifecycle = createLifecycle({ log, deadlineMs: 90_000, hurryMs: 15_000 });
  log.debug({ settings: redactConfig(config) }, "starting");
  try {
    await requireFreePort(config);
    const urls = await openDatabase(config, lifecycle, log);
    const report = (message: string) => log.info({ step: "migrate" }, message);
    await ensureRoles(urls);
    await ensureDatabase(urls.admin);
    await migrate(urls.admin, report);
    if (config.nodeEnv !== "production") {
      await createDemoTenants(urls.admin);
      await fillDemoTenants(urls.admin);
    }
    const url = await startProcesses(config, urls, lifecycle, log);
    const demo = config.nodeEnv === "production" ? undefined : await sendDemoList(url, log);
    print(summary(config, url, demo));
  } catch (error) {
    if (lifecycle.signal.aborted) return;
    print(
      error instanceof SetupError
        ? `\n${error.message}\n`
        : `\nRowhouse could not start: ${String((error as Error).stack)}\n`,
    );
    await lifecycle.shutDown("it could not start", 1);
  }
}

async function openDatabase(config: Config, lifecycle: Lifecycle, log: Log): Promise<DatabaseUrls> {
  if (config.databaseUrl) return databaseUrls(config.databaseUrl, config);
  const starting = startEmbeddedPostgres(embeddedOptions(config));
  // Registered before it runs: a signal that comes meanwhile must not leave it behind.
  lifecycle.onClose("embedded PostgreSQL", async () => (await starting.catch(() => undefined))?.stop());
  const postgres = await starting;
  log.info({ recovered: postgres.recovered }, "the embedded PostgreSQL is running");
  void postgres.ended.then(() => {
    if (lifecycle.signal.aborted) return;
    log.fatal({ log: join(config.dataDir, "postgres.log") }, "the embedded PostgreSQL ended unasked");
    return lifecycle.shutDown("the embedded PostgreSQL ended", 1);
  });
  return databaseUrls(postgres.adminUrl, config);
}

/** Starts the server and the worker; returns the URL clients reach the server by. */
async function startProcesses(config: Config, urls: DatabaseUrls, lifecycle: Lifecycle, log: Log): Promise<string> {
  const env = childEnvironment({
    DATABASE_URL: "",
    GRAPHILE_ENV: config.nodeEnv === "production" ? "production" : "development",
    ROWHOUSE_SERVER_DATABASE_URL: urls.server,
    ROWHOUSE_WORKER_DATABASE_URL: urls.worker,
    ROWHOUSE_SECRET: config.secret,
    ROWHOUSE_DATA_DIR: config.dataDir,
  });
  const start = (name: string) => {
    const supervised = supervise({ name, script: join(projectDir, name, "main.ts"), env, log });
    lifecycle.onClose(name, () => supervised.stop());
    return supervised.ready;
  };
  const worker = start("worker");
  const [server] = await Promise.all([start("server"), worker]);
  return config.port === 0 && server.port ? `http://${config.host}:${server.port}` : config.publicUrl;
}

/** Sends the demo list through the API; a demo that goes wrong is told, and keeps nobody from working. */
async function sendDemoList(url: string, log: Log): Promise<DemoSummary | undefined> {
  const bar = createDemoBar();
  try {
    const api = new ApiClient(url);
    await api.login("mia@acme.example", DEMO_PASSWORD, "acme");
    return await pushDemoList(api, bar.update);
  } catch (error) {
    log.error({ err: error }, "the demo list did not get through");
    return undefined;
  } finally {
    bar.stop();
  }
}

/** Looks before anything is started; the server itself would find out last. */
async function requireFreePort({ host, port }: Config): Promise<void> {
  const probe = createServer();
  const listening = new Promise<void>((resolve, reject) => probe.once("error", reject).listen({ host, port }, resolve));
  try {
    await listening;
  } catch (error) {
    throw new SetupError(explainPort(host, port, error as NodeJS.ErrnoException), error);
  } finally {
    await new Promise((resolve) => probe.close(resolve));
  }
}

function explainPort(host: string, port: number, error: NodeJS.ErrnoException): string {
  if (error.code === "EADDRINUSE") {
    return `Port ${port} of ${host} is taken by another program. Set PORT to a free one, for example: PORT=${port + 1} npm start`;
  }
  if (error.code === "EACCES") return `Port ${port} may not be used by this account. Set PORT to one above 1023.`;
  return `Cannot listen on ${host}:${port} (${error.message}). Set HOST and PORT to an address of this machine.`;
}

function summary(config: Config, url: string, demo: DemoSummary | undefined): string {
  const lines = ["", "Rowhouse is running. Stop it with Ctrl-C.", "", `  GraphQL  ${url}/graphql`];
  if (config.nodeEnv !== "production") {
    lines.push(`  Ruru     ${url}/`, "", `  Demo logins (password ${DEMO_PASSWORD}):`);
    for (const tenant of DEMO_TENANTS) {
      for (const user of tenant.users) lines.push(`    ${tenant.slug.padEnd(8)} ${user.role.padEnd(8)} ${user.email}`);
    }
  }
  if (demo) {
    const { rowsImported, rowsRejected, phonesValid, exportsWritten, downloadUrl } = demo;
    lines.push("", "  Demo list of acme:");
    lines.push(
      `    ${rowsImported} rows imported, ${rowsRejected} rejected, ${phonesValid} phones valid, ${exportsWritten} exports written`,
    );
    if (downloadUrl)
      lines.push(
        `    the export, for an hour: ${new URL(new URL(downloadUrl).pathname + new URL(downloadUrl).search, url).href}`,
      );
  }
  return `${lines.join("\n")}\n\n`;
}

function print(text: string): void {
  process.stderr.write(text);
}

main().catch((error: unknown) => {
  print(`${error instanceof SetupError ? error.message : String((error as Error)?.stack ?? error)}\n`);
  process.exit(1);
});
