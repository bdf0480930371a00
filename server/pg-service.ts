import type { Pool } from "pg";
import { createWithPgClient, makePgService } from "postgraphile/adaptors/pg";
import { RowhouseError } from "../lib/errors.ts";
import { pgSettings } from "./auth/session.ts";
import { currentRequest, currentSession } from "./http/request-scope.ts";

/** The schemas whose tables and functions the API shows. */
export const apiSchemas = ["iam", "pipeline", "crm", "lists", "outreach", "inbox", "tracking", "events", "audit"];

/** A statement's name for each role: two roles that share one would make PostgreSQL plan it anew at each turn. One letter: names are at their longest. */
const statementPrefixes: Readonly<Record<string, string>> = {
  rowhouse_anonymous: "y",
  rowhouse_viewer: "v",
  rowhouse_member: "m",
  rowhouse_manager: "g",
  rowhouse_admin: "x",
  rowhouse_viewer_scoped: "V",
  rowhouse_member_scoped: "M",
  rowhouse_manager_scoped: "G",
  rowhouse_admin_scoped: "X",
};

type WithPgClient = Awaited<ReturnType<typeof createWithPgClient>>;
type PgClient = Parameters<Parameters<WithPgClient>[1]>[0];
type PgQuery = Parameters<PgClient["query"]>[0];

/**
 * The API's way to the database: each operation runs in transactions that carry the claims of the request being
 * served. Without a request they run as rowhouse_anonymous. The schema is the one rowhouse_admin may see.
 */
export function createPgService(pool: Pool): GraphileConfig.PgServiceConfiguration {
  const service = makePgService({
    pool: pool as never,
    schemas: apiSchemas,
    pubsub: false,
    pgSettings: () => {
      const { requestId, client } = currentRequest() ?? {};
      return pgSettings(currentSession(), { requestId, ipAddress: client?.ipAddress });
    },
    // The catalogue is read once, and may take longer than a request is given.
    pgSettingsForIntrospection: { role: "rowhouse_admin", statement_timeout: "0" },
  });
  const adaptor = { ...service.adaptor, createWithPgClient: createWithRoleClient } as typeof service.adaptor;
  return { ...service, adaptor };
}

async function createWithRoleClient(...args: Parameters<typeof createWithPgClient>): Promise<WithPgClient> {
  const inner = await createWithPgClient(...args);
  const outer = (async (settings, callback) => {
    const role = settings?.["role"];
    const prefix = role === undefined ? undefined : statementPrefixes[role];
    try {
      return await inner(settings, (client) => callback(prefix ? namedForRole(client, prefix) : client));
    } catch (error) {
      throw role === "rowhouse_anonymous" ? signInFirst(error) : error;
    }
  }) as WithPgClient;
  if (inner.release) outer.release = () => inner.release?.();
  return outer;
}

function namedForRole(client: PgClient, prefix: string): PgClient {
  return {
    ...client,
    query: ((query: PgQuery) =>
      client.query(query.name ? { ...query, name: prefix + query.name.slice(1) } : query)) as PgClient["query"],
    withTransaction: (callback) => client.withTransaction((inner) => callback(namedForRole(inner, prefix))),
  };
}

/** What a request without a token may not do is not forbidden to its sender: nobody is signed in. */
function signInFirst(error: unknown): unknown {
  const { code } = error as { code?: string };
  if (code !== "42501" && code !== "RH001") return error;
  const message = "This needs an access token. Log in and send it as: Authorization: Bearer <access token>.";
  return new RowhouseError("UNAUTHENTICATED", message, { cause: error });
}
