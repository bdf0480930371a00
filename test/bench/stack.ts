import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { createDemoTenants, DEMO_PASSWORD } from "../../db/seed/demo-tenants.ts";
import { childEnvironment, loadConfig, projectDir, type Config, type Environment } from "../../lib/config.ts";
import { databaseUrls } from "../../lib/database-urls.ts";
import { embeddedOptions, startEmbeddedPostgres } from "../../lib/embedded-postgres.ts";
import { createLog } from "../../lib/log.ts";
import { ensureDatabase, ensureRoles, migrate } from "../../lib/migrate.ts";
import { supervise } from "../../lib/supervisor.ts";
import { ApiClient } from "../../db/seed/api-client.ts";

/** A whole Rowhouse for measurements, as npm start runs it: durable PostgreSQL, one server process, one worker process. */
export interface BenchStack {
  readonly admin: pg.Client;
  readonly adminUrl: string;
  readonly serverUrl: string;
  readonly secret: string;
  readonly api: ApiClient;
  readonly tenantId: string;
  readonly serverPid: number;
  readonly workerPid: number;
  readonly folder: string;
  readonly config: Config;
  /** What its processes are started with. */
  readonly env: Environment;
  stop(): Promise<void>;
}

/** Starts a fresh one below bench-data/, which git ignores. */
export async function startBenchStack(): Promise<BenchStack> {
  const folder = join(projectDir, "bench-data");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const config = loadConfig({
    ...process.env,
    ROWHOUSE_DATA_DIR: folder,
    PORT: "0",
    ROWHOUSE_LOG_LEVEL: "warn",
    ROWHOUSE_ACCESS_TOKEN_MINUTES: "600",
  });
  const log = createLog(config, "bench");
  const postgres = await startEmbeddedPostgres(embeddedOptions(config));
  const urls = databaseUrls(postgres.adminUrl, config);
  await ensureRoles(urls);
  await ensureDatabase(urls.admin);
  await migrate(urls.admin);
  await createDemoTenants(urls.admin);

  const env = childEnvironment({
    DATABASE_URL: "",
    ROWHOUSE_SERVER_DATABASE_URL: urls.server,
    ROWHOUSE_WORKER_DATABASE_URL: urls.worker,
    ROWHOUSE_SECRET: config.secret,
    ROWHOUSE_DATA_DIR: config.dataDir,
    ROWHOUSE_LOG_LEVEL: "warn",
    ROWHOUSE_ACCESS_TOKEN_MINUTES: "600",
    PORT: "0",
    // What is measured is the server, not how it holds somebody back.
    ROWHOUSE_REQUESTS_PER_MINUTE: "0",
    ROWHOUSE_ADDRESS_REQUESTS_PER_MINUTE: "0",
    ROWHOUSE_TENANT_OPERATIONS_MAX: "0",
    ROWHOUSE_TENANT_SUBSCRIPTIONS_MAX: "0",
    ROWHOUSE_TENANT_DATABASE_SECONDS: "0",
    GRAPHILE_ENV: "production",
  });
  const processes = ["worker", "server"].map((name) =>
    supervise({ name, script: join(projectDir, name, "main.ts"), env, log }),
  );
  const [, server] = await Promise.all(processes.map((each) => each.ready));
  const api = new ApiClient(`http://${config.host}:${server!.port}`);
  await api.login("ada@acme.example", DEMO_PASSWORD, "acme");

  const admin = new pg.Client({ connectionString: urls.admin });
  await admin.connect();
  const { rows } = await admin.query<{ id: string }>("select id from iam.tenants where slug = 'acme'");
  return {
    admin,
    adminUrl: urls.admin,
    serverUrl: urls.server,
    secret: config.secret,
    api,
    tenantId: rows[0]!.id,
    serverPid: processes[1]!.pid!,
    workerPid: processes[0]!.pid!,
    folder,
    config,
    env,
    stop: async () => {
      await admin.end();
      await Promise.all(processes.map((each) => each.stop()));
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Forgets the peak of a process's resident memory (Linux). */
export function resetPeakMemory(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** The peak of a process's resident memory since the last reset, in MiB (Linux). */
export function peakMemory(pid: number): number {
  return Math.round(memoryLine(pid, "VmHWM") / 1024);
}

/** The present resident memory of a process, in MiB (Linux). */
export function residentMemory(pid: number): number {
  return Math.round(memoryLine(pid, "VmRSS") / 1024);
}

function memoryLine(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN);
}
