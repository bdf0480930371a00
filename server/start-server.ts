import type { Pool } from "pg";
import { postgraphile } from "postgraphile";
import { grafserv as expressGrafserv } from "postgraphile/grafserv/express/v4";
import type { Config } from "../lib/config.ts";
import { SetupError } from "../lib/errors.ts";
import type { Lifecycle } from "../lib/lifecycle.ts";
import type { Log } from "../lib/log.ts";
import { createMetrics } from "../lib/metrics.ts";
import { createPool } from "../lib/pool.ts";
import { createApp, type ServerContext } from "./app.ts";
import { createAccessTokens } from "./auth/access-tokens.ts";
import { createApiKeys } from "./auth/api-keys.ts";
import { createAuthenticator } from "./auth/authenticator.ts";
import { createForeignTokens } from "./auth/foreign-tokens.ts";
import { readIssuers } from "./auth/issuer-settings.ts";
import { createKeyUses } from "./auth/key-uses.ts";
import { watchRevocations } from "./auth/revocations.ts";
import { withRevocations } from "./auth/token-verifier.ts";
import { createClientOf } from "./http/client-address.ts";
import { mayOpenSocket } from "./http/cross-origin.ts";
import { isMigrated } from "./http/health.ts";
import { listen } from "./http/listen.ts";
import { startLimits } from "./limits/start-limits.ts";
import { createLiveQueries, type LiveQueries } from "./live/live-queries.ts";
import { makePreset } from "./preset.ts";
import type { Services } from "./services.ts";
import { createFeedHub, eventsChannel } from "./feed/feed-hub.ts";
import { createFeedReader } from "./feed/read-feed.ts";
import { createRowWatch } from "./feed/watch-rows.ts";
import { createChangeHub } from "./subscriptions/change-hub.ts";
import { serveEventStreams } from "./subscriptions/event-stream-server.ts";
import { hearChange, type Change, progressChannel } from "./subscriptions/change.ts";
import { listenToChannels } from "./subscriptions/channel-listener.ts";
import { serveSockets } from "./subscriptions/socket-server.ts";

/** What the server is started with. */
export interface StartOptions {
  readonly config: Config;
  /** Connection of the login rowhouse_server. */
  readonly databaseUrl: string;
  readonly log: Log;
  readonly lifecycle: Pick<Lifecycle, "onClose" | "signal">;
}

/** A server that takes requests. */
export interface RunningServer {
  readonly port: number;
}

/**
 * Starts the server: the database must be there, and the schema is built, before the first request is taken. What it
 * opens is closed by the lifecycle in this order: sockets, event streams, HTTP, PostGraphile, the listening connection, the pool.
 */
export async function startServer({ config, databaseUrl, log, lifecycle }: StartOptions): Promise<RunningServer> {
  const issuers = readIssuers(config.jwtIssuers, config.jwtIssuer);
  const metrics = createMetrics("server");
  const pool = createPool({
    connectionString: databaseUrl,
    applicationName: "rowhouse server",
    log,
    size: config.poolSize,
    statementTimeoutMs: config.statementTimeoutMs,
  });
  lifecycle.onClose("pool", () => pool.end());
  await checkDatabase(pool);

  const changes = createChangeHub();
  let isListening = () => false;
  const reader = createFeedReader(pool);
  const feed = createFeedHub({ reader, log, metrics, isListening: () => isListening() });
  lifecycle.onClose("feed", async () => feed.close());
  let noteChange: LiveQueries["changed"] = () => undefined;
  const onChange = (change: Change) => {
    changes.publish(change);
    noteChange(change.tenant, change.table);
  };
  const listener = await listenToChannels({
    connectionString: databaseUrl,
    log,
    channels: { [progressChannel]: hearChange(onChange, log), [eventsChannel]: feed.wake },
    onConnect() {
      changes.publishAll();
      feed.wakeAll();
    },
  });
  isListening = () => listener.isListening;
  lifecycle.onClose("change listener", () => listener.close());

  const revocations = await watchRevocations(pool, log);
  lifecycle.onClose("revocations", async () => revocations.close());
  const tokens = withRevocations(createAccessTokens(config), revocations);
  const keyUses = createKeyUses(pool, log);
  lifecycle.onClose("uses of API keys", () => keyUses.close());
  const keys = createApiKeys(pool, revocations, keyUses);
  const foreign = issuers.length === 0 ? undefined : createForeignTokens({ pool, issuers, revocations, log });
  const authenticator = createAuthenticator({ tokens, keys, foreign, revocations });
  const limits = startLimits(config, databaseUrl, log);
  lifecycle.onClose("limits", () => limits.close());
  const { admission, meter } = limits;
  const { refreshTokenDays } = config;
  const live = createLiveQueries({ pool, feed, reader, admission, log, metrics });
  lifecycle.onClose("live queries", async () => live.close());
  noteChange = live.changed;
  const services: Services = {
    config,
    pool,
    tokens,
    revocations,
    refreshTokenDays,
    changes,
    feed,
    rows: createRowWatch(feed, changes, log),
    feedReader: reader,
    live,
  };
  const pgl = postgraphile({
    extends: [makePreset({ pool, config, log, meter })],
    grafast: { context: () => ({ services }) },
  });
  lifecycle.onClose("PostGraphile", async () => {
    await pgl.release();
    // The service of a database is not released with the instance that uses it.
    for (const service of pgl.getResolvedPreset().pgServices ?? []) await service.release?.();
  });
  await pgl.getSchema();

  const clientOf = createClientOf(config.trustedProxies);
  const draining = lifecycle.signal;
  const grafserv = pgl.createServ(expressGrafserv);
  await grafserv.ready();
  const { bodyBytesMax } = config;
  const streams = serveEventStreams({ grafserv, authenticator, admission, metrics, bodyBytesMax });
  const context: ServerContext = {
    ...{ config, log, metrics, pool, authenticator, clientOf, admission, changes, feed, streams, draining },
  };
  const app = await createApp(context, grafserv);
  const http = await listen(app, config);
  lifecycle.onClose("HTTP", () => http.close());
  lifecycle.onClose("event streams", () => streams.close());
  const sockets = serveSockets({
    server: http.server,
    path: "/graphql",
    grafserv,
    authenticator,
    log,
    metrics,
    messageBytesMax: bodyBytesMax,
    clientOf,
    admission,
    mayOpen: mayOpenSocket(config),
  });
  lifecycle.onClose("sockets", () => sockets.close());
  return { port: http.port };
}

async function checkDatabase(pool: Pool): Promise<void> {
  let migrated: boolean;
  try {
    migrated = await isMigrated(pool);
  } catch (error) {
    const reason = (error as Error).message || String((error as { code?: string }).code);
    throw new SetupError(
      `The server cannot use PostgreSQL: ${reason}. Check DATABASE_URL or ROWHOUSE_SERVER_DATABASE_URL.`,
      error,
    );
  }
  if (!migrated) throw new SetupError("The database is not migrated. Run: npm run db:migrate");
}
