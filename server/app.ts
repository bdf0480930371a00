import express, { type Express } from "express";
import type { Pool } from "pg";
import type { ExpressGrafserv } from "postgraphile/grafserv/express/v4";
import type { Registry } from "prom-client";
import type { Config } from "../lib/config.ts";
import type { Log } from "../lib/log.ts";
import { authenticate } from "./auth/authenticate.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import type { FeedHub } from "./feed/feed-hub.ts";
import { accessLog } from "./http/access-log.ts";
import { admitAddress, admitOperation, admitPrincipal } from "./http/admit.ts";
import { bodyDeadline } from "./http/body-deadline.ts";
import type { ClientOf } from "./http/client-address.ts";
import { crossOrigin } from "./http/cross-origin.ts";
import { healthz, readyz } from "./http/health.ts";
import { lastResort, notFound } from "./http/last-resort.ts";
import { metricsRoute } from "./http/metrics-route.ts";
import { requestScope } from "./http/request-scope.ts";
import { securityHeaders } from "./http/security-headers.ts";
import { sendGraphqlError } from "./http/send-error.ts";
import { singleHeaders } from "./http/single-headers.ts";
import { idempotentGraphql } from "./idempotency/idempotent-graphql.ts";
import type { Admission } from "./limits/admission.ts";
import { createRoutes } from "./routes.ts";
import type { ChangeHub } from "./subscriptions/change-hub.ts";
import type { EventStreams } from "./subscriptions/event-stream-server.ts";

/** What the parts of the server share. */
export interface ServerContext {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Registry;
  /** Connections of the login rowhouse_server. */
  readonly pool: Pool;
  readonly authenticator: Authenticator;
  readonly clientOf: ClientOf;
  readonly admission: Admission;
  readonly changes: ChangeHub;
  readonly streams: Pick<EventStreams, "handlers">;
  readonly feed: FeedHub;
  /** Aborted as soon as the shutdown begins. */
  readonly draining: AbortSignal;
}

/** How long a request body may take to arrive, in milliseconds; uploads and webhooks have their own rule. */
const bodyMs = 30_000;

/** The server's middleware, in order. Bodies are read by who needs them: nothing here parses one before grafserv. */
export async function createApp(context: ServerContext, grafserv: ExpressGrafserv): Promise<Express> {
  const { config, log, metrics, pool, authenticator, admission, draining } = context;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(requestScope(context.clientOf));
  app.use(accessLog(log, metrics));
  app.use(securityHeaders(config));
  app.use(crossOrigin(config));
  app.use(singleHeaders);
  app.get("/healthz", healthz);
  app.get("/readyz", readyz(pool, log, draining));
  app.get("/metrics", metricsRoute(metrics, pool, config.metricsToken));
  for (const { path, handlers } of createRoutes(context)) app.use(path, ...handlers);
  app.use(bodyDeadline(bodyMs));
  app.use(
    "/graphql",
    admitAddress(admission, sendGraphqlError),
    authenticate(authenticator, sendGraphqlError),
    admitPrincipal(admission, sendGraphqlError),
    ...context.streams.handlers,
    admitOperation(admission, sendGraphqlError),
    ...idempotentGraphql(context),
  );
  await grafserv.addTo(app, null, false);
  app.use(notFound);
  app.use(lastResort(log));
  return app;
}
