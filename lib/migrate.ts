import { runMigrations } from "graphile-worker";
import * as graphileMigrate from "graphile-migrate";
import { escapeIdentifier, Pool, type Client } from "pg";
import { connectAdmin, isMissingDatabase, maintenanceUrl } from "./admin-connection.ts";
import { databaseName } from "./database-urls.ts";
import { keepPartitions } from "./keep-partitions.ts";
import { asRole, withLedger, type Report } from "./ledger.ts";

export { ensureRoles } from "./roles.ts";

/**
 * Brings a database up to date: makes it when it is missing, installs or upgrades the queue, then applies the ledger.
 * The roles must exist. Several processes may do this at once: they wait for each other.
 */
export async function migrate(adminUrl: string, report: Report = () => undefined): Promise<void> {
  await withSetupLock(adminUrl, async () => {
    await installQueue(adminUrl);
    await withLedger(adminUrl, report, (settings) => graphileMigrate.migrate(settings));
    await makeMonths(adminUrl, report);
  });
}

/** Makes the months that tables are cut into; the worker does so daily, too, and makes up for what could not be done. */
export async function makeMonths(adminUrl: string, report: Report = () => undefined): Promise<void> {
  const client = await connectAdmin(adminUrl);
  try {
    // An empty ledger, as one finds it before the first migration is committed, has no such function.
    const { rows } = await client.query<{ exists: boolean }>(
      "select to_regprocedure('private.keep_partitions(text, timestamptz)') is not null as exists",
    );
    if (!rows[0]!.exists) return;
    const { done, failed } = await keepPartitions(client);
    for (const what of done) report(`partitions: ${what}`);
    for (const { table, error } of failed) {
      report(`partitions: ${table} is left as it is (${(error as Error).message}); the worker tries again`);
    }
  } finally {
    await client.end();
  }
}

/** Makes the database when it is missing, with the queue in it, and nothing of our own. */
export async function prepareDatabase(adminUrl: string): Promise<void> {
  await withSetupLock(adminUrl, () => installQueue(adminUrl));
}

/** Makes the database when it is missing; optionally as a copy of a template that nobody is connected to. */
export async function ensureDatabase(adminUrl: string, template?: string): Promise<void> {
  const name = escapeIdentifier(databaseName(adminUrl));
  const client = await connectAdmin(await maintenanceUrl(adminUrl));
  try {
    const { rowCount } = await client.query("select from pg_database where datname = $1", [databaseName(adminUrl)]);
    if (!rowCount) {
      const source = template === undefined ? "template0" : escapeIdentifier(template);
      await ignoreDuplicate(client.query(`create database ${name} owner rowhouse_owner template ${source}`));
    }
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock(hashtext('rowhouse roles'))");
    await client.query(`revoke all on database ${name} from public`);
    await client.query(`grant connect on database ${name} to rowhouse_server, rowhouse_worker`);
    // A temporary table would be found before one of ours by whatever does not say the schema.
    await client.query(`revoke temporary on database ${name} from rowhouse_server, rowhouse_worker`);
    await client.query("commit");
  } finally {
    await client.end();
  }
}

/**
 * Everybody may make large objects in any database, which belong to no tenant. Nothing of ours uses them. An administrator
 * who is no superuser cannot forbid it, and need not: no client can send SQL.
 */
const closeLargeObjects = `do $$
  declare f regprocedure;
  begin
    for f in select oid from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proname ~ '^(lo_|loread|lowrite)' loop
      execute format('revoke execute on function %s from public', f);
    end loop;
  exception when insufficient_privilege then null;
  end $$`;

/**
 * Installs or upgrades the schema graphile_worker as its owner, the role rowhouse_worker. Our own schema calls its
 * functions, so it comes first.
 */
export async function installQueue(adminUrl: string): Promise<void> {
  const client = await connectAdmin(adminUrl);
  const pool = new Pool({ connectionString: asRole(adminUrl, "rowhouse_worker"), max: 2 });
  // graphile-worker asks for these handlers; a lost connection makes the running query fail, which is enough.
  pool.on("error", () => undefined);
  pool.on("connect", (connection) => connection.on("error", () => undefined));
  const name = escapeIdentifier(databaseName(adminUrl));
  try {
    const { rows } = await client.query<{ exists: boolean }>(
      "select to_regclass('graphile_worker.migrations') is not null as exists",
    );
    // `create schema if not exists` asks for the right to create one even where it exists.
    if (!rows[0]?.exists) {
      await client.query("create schema if not exists graphile_worker authorization rowhouse_worker");
      await client.query(`grant create on database ${name} to rowhouse_worker`);
    }
    await runMigrations({ pgPool: pool });
    await client.query(closeLargeObjects);
    await client.query(`revoke create on database ${name} from rowhouse_worker`);
  } finally {
    await pool.end();
    await client.end();
  }
}

async function withSetupLock(adminUrl: string, work: () => Promise<void>): Promise<void> {
  const client = await connectOrCreate(adminUrl);
  try {
    await client.query("select pg_advisory_lock(hashtext('rowhouse migrate'))");
    await work();
  } finally {
    await client.end();
  }
}

async function connectOrCreate(adminUrl: string): Promise<Client> {
  try {
    return await connectAdmin(adminUrl);
  } catch (error) {
    if (!isMissingDatabase(error)) throw error;
  }
  await ensureDatabase(adminUrl);
  return connectAdmin(adminUrl);
}

async function ignoreDuplicate(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if (!["42P04", "23505"].includes((error as { code?: string }).code ?? "")) throw error;
  }
}
