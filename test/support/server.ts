import { randomBytes } from "node:crypto";
import { pino } from "pino";
import type { Config } from "../../lib/config.ts";
import { hashPassword } from "../../lib/password.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import { createAccessTokens, type AccessTokens } from "../../server/auth/access-tokens.ts";
import type { TokenRole } from "../../server/auth/session.ts";
import { startServer } from "../../server/start-server.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { testConfig } from "./jobs.ts";

/** What GraphQL answers. */
export interface GraphqlAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly data?: any;
  readonly errors?: { message: string; extensions: Record<string, any>; path?: string[] }[];
}

/** A server within the test's process, on a database of its own. */
export interface TestServer {
  readonly origin: string;
  readonly socketUrl: string;
  readonly config: Config;
  readonly database: TestDatabase;
  readonly tokens: AccessTokens;
  /** The lines it has logged. */
  readonly logged: Record<string, unknown>[];
  post(query: string, options?: { token?: string; variables?: object; headers?: object }): Promise<GraphqlAnswer>;
  /** Begins the shutdown as a signal would; resolves when everything is closed. */
  close(): Promise<void>;
  /** Closes the server and deletes the database. */
  remove(): Promise<void>;
}

/** Starts a server, on a fresh database unless it is given one that another server uses already. */
export async function startTestServer(
  settings: Record<string, string> = {},
  shared?: TestDatabase,
): Promise<TestServer> {
  const database = shared ?? (await createTestDatabase());
  const config = testConfig("data", { PORT: "0", ...settings });
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const closers: (() => unknown)[] = [];
  const draining = new AbortController();
  const lifecycle = { signal: draining.signal, onClose: (_: string, close: () => unknown) => void closers.push(close) };
  const { port } = await startServer({ config, databaseUrl: database.serverUrl, log, lifecycle });
  const origin = `http://127.0.0.1:${port}`;
  let closing: Promise<void> | undefined;
  const close = () =>
    (closing ??= (async () => {
      draining.abort();
      for (const each of closers.reverse()) await each();
    })());
  return {
    origin,
    socketUrl: `ws://127.0.0.1:${port}/graphql`,
    config,
    database,
    tokens: createAccessTokens(config),
    logged,
    async post(query, { token, variables, headers } = {}) {
      const response = await fetch(`${origin}/graphql`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: JSON.stringify({ query, variables }),
      });
      const body = (await response.json()) as Pick<GraphqlAnswer, "data" | "errors">;
      return { status: response.status, headers: response.headers, ...body };
    },
    close,
    async remove() {
      await close();
      await database.drop();
    },
  };
}

/** A member of a tenant of their own, with a list and an import. */
export interface Somebody {
  readonly tenantId: string;
  readonly slug: string;
  readonly userId: string;
  readonly actorId: string;
  readonly email: string;
  readonly password: string;
  readonly listId: string;
  readonly importId: string;
  /** The TypeID of the import. */
  readonly importTypeId: string;
  token(role?: TokenRole, minutes?: number): string;
}

/** Makes a tenant with one member. */
export async function createSomebody(server: TestServer, role: TokenRole = "member"): Promise<Somebody> {
  const { admin } = server.database;
  const slug = `t-${randomBytes(5).toString("hex")}`;
  const email = `${slug}@example.com`;
  const password = `password of ${slug}`;
  const one = async (sql: string, values: unknown[]) => (await admin.query<{ id: string }>(sql, values)).rows[0]!.id;
  const tenantId = await one("select private.create_tenant($1, $1) as id", [slug]);
  const hash = await hashPassword(password);
  const userId = await one("select private.create_user($1, $2, 'Zoë', $3, $4) as id", [tenantId, email, role, hash]);
  const actorId = await one("select id from iam.actors where tenant_id = $1 and kind = 'user'", [tenantId]);
  const listId = await one("insert into lists.lists (tenant_id, name) values ($1, 'Members') returning id", [tenantId]);
  const importId = await one("insert into lists.list_imports (tenant_id, list_id) values ($1, $2) returning id", [
    tenantId,
    listId,
  ]);
  const token = (as = role, minutes = 5) => server.tokens.sign({ userId, tenantId, actorId, role: as }, minutes).token;
  return {
    ...{ tenantId, slug, userId, actorId, email, password, listId, importId, token },
    importTypeId: encodeTypeId("imp", importId),
  };
}

/** Runs SQL as an administrator under a tenant's claim, as triggers need it. */
export async function inTenant(
  server: TestServer,
  tenantId: string,
  sql: string,
  values: unknown[] = [],
): Promise<void> {
  const client = await server.database.admin.connect();
  try {
    await client.query("begin");
    await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
    await client.query(sql, values);
    await client.query("commit");
  } finally {
    client.release();
  }
}
