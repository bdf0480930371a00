import type { Pool } from "pg";
import { createWithPgClient, makePgService } from "postgraphile/adaptors/pg";
import { RowhouseError } from "../lib/errors.ts";
import { isMaskedRole, pgSettings, type TokenRole } from "./auth/session.ts";
import { currentRequest, currentSession } from "./http/request-scope.ts";
import { isMutation } from "./idempotency/idempotent-graphql.ts";
import type { DatabaseMeter } from "./limits/database-meter.ts";
import { createMaskedForms, maskedClient, readStandIns, type StandIns } from "./masked-client.ts";

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
  rowhouse_viewer_masked: "k",
  rowhouse_viewer_masked_scoped: "K",
};

/** What the API's way to the database is told besides its pool. */
export interface PgServiceOptions {
  /** How long a statement may take, in milliseconds, by role; the connection's own limit for the others. */
  readonly statementTimeouts?: Readonly<Partial<Record<TokenRole, number>>>;
  /** How long a statement may take on these connections, in milliseconds; 0 for ever. */
  readonly statementTimeoutMs?: number;
  readonly meter?: DatabaseMeter | undefined;
}

type WithPgClient = Awaited<ReturnType<typeof createWithPgClient>>;
type PgClient = Parameters<Parameters<WithPgClient>[1]>[0];
type PgQuery = Parameters<PgClient["query"]>[0];

/**
 * The API's way to the database: each operation runs in transactions that carry the claims of the request being
 * served. Without a request they run as rowhouse_anonymous. The schema is the one rowhouse_admin may see.
 */
export function createPgService(
  pool: Pool,
  { statementTimeouts = {}, statementTimeoutMs = 0, meter }: PgServiceOptions = {},
): GraphileConfig.PgServiceConfiguration {
  const service = makePgService({
    pool: pool as never,
    schemas: apiSchemas,
    pubsub: false,
    pgSettings: () => {
      const { requestId, client } = currentRequest() ?? {};
      const session = currentSession();
      const settings = pgSettings(session, { requestId, ipAddress: client?.ipAddress });
      const timeout = session.role === undefined ? undefined : statementTimeouts[session.role];
      return timeout === undefined ? settings : { ...settings, statement_timeout: String(timeout) };
    },
    // The catalogue is read once, and may take longer than a request is given.
    pgSettingsForIntrospection: { role: "rowhouse_admin", statement_timeout: "0" },
  });
  const adaptor = {
    ...service.adaptor,
    createWithPgClient: createWithRoleClient(meter, statementTimeoutMs),
  } as typeof service.adaptor;
  return { ...service, adaptor };
}

function createWithRoleClient(meter: DatabaseMeter | undefined, statementTimeoutMs: number) {
  const formOf = createMaskedForms();
  let standIns: StandIns | undefined;
  const masked = async (client: PgClient) => {
    const names = (standIns ??= await readStandIns(client));
    return maskedClient(client, (text) => formOf(text, names));
  };
  return async (...args: Parameters<typeof createWithPgClient>): Promise<WithPgClient> => {
    const inner = await createWithPgClient(...args);
    const outer = (async (settings, callback) => {
      const role = settings?.["role"];
      const prefix = role === undefined ? undefined : statementPrefixes[role];
      const tenantId = settings?.["jwt.claims.tenant_id"];
      let stop: (() => void) | undefined;
      try {
        return await inner(settings, async (client) => {
          // From here on it has a connection: waiting for one costs nobody anything.
          if (tenantId) stop = meter?.begin(tenantId);
          const named = prefix ? namedForRole(client, prefix) : client;
          const result = await callback(isMaskedRole(role) ? await masked(named) : named);
          await noteEffect(client);
          return result;
        });
      } catch (error) {
        if (role === "rowhouse_anonymous") throw signInFirst(error);
        throw timedOut(error, Number(settings?.["statement_timeout"] ?? statementTimeoutMs));
      } finally {
        stop?.();
      }
    }) as WithPgClient;
    if (inner.release) outer.release = () => inner.release?.();
    return outer;
  };
}

/** A statement that was cancelled after its time says which time that is. */
function timedOut(error: unknown, limitMs: number): unknown {
  if (limitMs === 0 || (error as { code?: string }).code !== "57014") return error;
  const seconds = limitMs / 1000;
  const message = `This took longer than the ${seconds} seconds that a statement of your role may take, and was stopped. Ask for less at a time, or filter by an indexed field.`;
  return new RowhouseError("TIMEOUT", message, {
    details: { limit: seconds, name: "statementSeconds" },
    cause: error,
  });
}

/** Within the transaction of a mutation that has an Idempotency-Key: whether it took effect is known even if its answer is lost. */
async function noteEffect(client: PgClient): Promise<void> {
  const { idempotencyKeyHash, operation } = currentRequest() ?? {};
  if (idempotencyKeyHash === undefined || !isMutation(operation)) return;
  await client.query({ text: "select app.note_effect($1)", values: [idempotencyKeyHash] });
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
