import { randomBytes } from "node:crypto";
import pg from "pg";
import { withDatabase } from "../../lib/database-urls.ts";
import { emptyTemplate, ledgerTemplate, testUrls } from "./test-urls.ts";

/** A database of one test file. The pools connect when they are first used. */
export interface TestDatabase {
  readonly name: string;
  readonly adminUrl: string;
  readonly serverUrl: string;
  readonly workerUrl: string;
  /** Superuser. */
  readonly admin: pg.Pool;
  /** rowhouse_server. */
  readonly server: pg.Pool;
  /** rowhouse_worker. */
  readonly worker: pg.Pool;
  /** Ends the pools and deletes the database. */
  drop(): Promise<void>;
}

/** Who acts in a tenant transaction; the role is rowhouse_system unless told. */
export interface TestClaims {
  readonly tenantId?: string | undefined;
  readonly actorId?: string | undefined;
  readonly userId?: string | undefined;
  readonly role?: string;
}

/** A database as the ledger builds it, empty of rows. */
export function createTestDatabase(): Promise<TestDatabase> {
  return cloneDatabase(ledgerTemplate);
}

/** A database with roles and the queue, and nothing of our schema. */
export function createEmptyTestDatabase(): Promise<TestDatabase> {
  return cloneDatabase(emptyTemplate);
}

/** Runs SQL as rowhouse_owner, the owner of every object, which row-level security binds too. */
export async function asOwner<R extends pg.QueryResultRow>(
  database: TestDatabase,
  sql: string,
  values: unknown[] = [],
): Promise<R[]> {
  return transaction(database.admin, async (client) => {
    await client.query("set local role rowhouse_owner");
    return (await client.query<R>(sql, values)).rows;
  });
}

/** Runs `work` on the server's connection in a tenant transaction as a request would have it; rolled back unless told to commit. */
export async function asTenant<T>(
  database: TestDatabase,
  claims: TestClaims,
  work: (client: pg.PoolClient) => Promise<T>,
  options: { commit?: boolean } = {},
): Promise<T> {
  const settings: Record<string, string | undefined> = {
    role: claims.role ?? "rowhouse_system",
    "jwt.claims.tenant_id": claims.tenantId,
    "jwt.claims.actor_id": claims.actorId,
    "jwt.claims.sub": claims.userId,
    "jwt.claims.role": (claims.role ?? "system").replace(/^rowhouse_/, ""),
  };
  const set = async (client: pg.PoolClient) => {
    for (const [name, value] of Object.entries(settings)) {
      await client.query("select set_config($1, $2, true)", [name, value ?? ""]);
    }
    return work(client);
  };
  return transaction(database.server, set, options.commit ?? false);
}

async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>, commit = true): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query(commit ? "commit" : "rollback");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

async function cloneDatabase(template: string): Promise<TestDatabase> {
  const name = `test_${process.pid}_${randomBytes(4).toString("hex")}`;
  await asSuperuser(`create database ${name} owner rowhouse_owner template ${template}`);
  await asSuperuser(`revoke all on database ${name} from public`);
  await asSuperuser(`grant connect on database ${name} to rowhouse_server, rowhouse_worker`);
  const urls = testUrls(withDatabase(clusterUrl(), name));
  const pools = { admin: openPool(urls.admin), server: openPool(urls.server), worker: openPool(urls.worker) };
  const drop = async () => {
    await Promise.all(Object.values(pools).map((pool) => pool.end()));
    await asSuperuser(`drop database if exists ${name} with (force)`);
  };
  return { name, adminUrl: urls.admin, serverUrl: urls.server, workerUrl: urls.worker, ...pools, drop };
}

function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 10, connectionTimeoutMillis: 10_000 });
  // A test that ends sessions on purpose sees it in its queries.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

async function asSuperuser(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: withDatabase(clusterUrl(), "postgres") });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function clusterUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (!url) throw new Error("TEST_DATABASE_URL is not set; run the tests by npm test, whose global setup sets it.");
  return url;
}
