import { randomUUID } from "node:crypto";
import { loadConfig, type Config } from "../../lib/config.ts";
import { createLog } from "../../lib/log.ts";
import { createAccessTokens } from "../../server/auth/access-tokens.ts";
import type { TokenRole } from "../../server/auth/session.ts";
import { startServer } from "../../server/start-server.ts";
import type { TestDatabase } from "./database.ts";
import { noRates } from "./no-rates.ts";
import { testSecret } from "./test-urls.ts";

/** Data of a response; each test knows what it asked for. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

/** A response of the API. */
export interface GraphqlResponse {
  readonly status: number;
  readonly data: Json;
  readonly errors?: readonly { message: string; path?: unknown[]; extensions: Record<string, Json> }[];
}

/** Who sends a request; rowhouse_member of the tenant unless told. */
export interface Sender {
  readonly tenantId?: string | undefined;
  readonly role?: TokenRole;
  readonly actorId?: string | undefined;
}

/** A server of its own on a test database. */
export interface GraphqlApi {
  readonly url: string;
  readonly config: Config;
  /** Sends a document as somebody; without a sender nobody is signed in. */
  send(sender: Sender | undefined, query: string, variables?: object): Promise<GraphqlResponse>;
  /** The same, and throws unless it succeeds; the data. */
  ask(sender: Sender, query: string, variables?: object): Promise<Json>;
  token(sender: Sender): string;
  close(): Promise<void>;
}

/** A new tenant, and its system actor as the sender. */
export async function createTenant(database: TestDatabase, slug: string): Promise<Sender> {
  const created = await database.admin.query<{ id: string }>("select private.create_tenant($1, $1) as id", [slug]);
  const tenantId = created.rows[0]!.id;
  const actor = await database.admin.query<{ id: string }>("select id from iam.actors where tenant_id = $1", [
    tenantId,
  ]);
  return { tenantId, actorId: actor.rows[0]!.id };
}

/** Starts the server in this process, with a port and settings of its own. */
export async function startGraphqlApi(
  database: TestDatabase,
  settings: Readonly<Record<string, string>> = {},
): Promise<GraphqlApi> {
  const config = loadConfig({
    ROWHOUSE_SECRET: testSecret,
    NODE_ENV: "test",
    PORT: "0",
    ROWHOUSE_LOG_LEVEL: "fatal",
    ...noRates,
    ...settings,
  });
  const closers: (() => unknown)[] = [];
  const aborter = new AbortController();
  const { port } = await startServer({
    config,
    databaseUrl: database.serverUrl,
    log: createLog(config, "test"),
    lifecycle: { onClose: (_name, close) => void closers.unshift(close), signal: aborter.signal },
  });
  const url = `http://127.0.0.1:${port}/graphql`;
  const tokens = createAccessTokens(config);
  const token = ({ tenantId, role = "member", actorId }: Sender) =>
    tokens.sign({ tenantId, role, actorId: tenantId && (actorId ?? randomUUID()), userId: randomUUID() }).token;

  async function send(sender: Sender | undefined, query: string, variables?: object): Promise<GraphqlResponse> {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(sender && { authorization: `Bearer ${token(sender)}` }) },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, ...((await response.json()) as Omit<GraphqlResponse, "status">) };
  }

  return {
    url,
    config,
    send,
    token,
    async ask(sender, query, variables) {
      const { data, errors } = await send(sender, query, variables);
      if (errors) throw new Error(`The API answered with errors: ${JSON.stringify(errors)}`);
      return data;
    },
    async close() {
      aborter.abort();
      for (const close of closers) await close();
    },
  };
}
