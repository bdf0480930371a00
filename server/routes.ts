import type { RequestHandler } from "express";
import { createTenantStore } from "../lib/export-files.ts";
import type { ServerContext } from "./app.ts";
import { authenticate } from "./auth/authenticate.ts";
import { admitAddress, admitPrincipal } from "./http/admit.ts";
import { bodyDeadline } from "./http/body-deadline.ts";
import { exportDownload } from "./http/export-download.ts";
import { importUpload } from "./http/import-upload.ts";
import { sendError } from "./http/send-error.ts";
import { webhookEndpoint } from "./http/webhook-endpoint.ts";

/** A plain HTTP route: files go around GraphQL. */
export interface Route {
  readonly path: string;
  readonly handlers: readonly RequestHandler[];
}

/** How long the body of a webhook may take to arrive, in milliseconds. */
const hookMs = 10_000;

/** The plain HTTP routes below their paths. One that needs to know its caller begins with `authenticate(authenticator, sendError)`. */
export function createRoutes({
  config,
  log,
  pool,
  authenticator,
  admission,
  draining,
}: ServerContext): readonly Route[] {
  const store = createTenantStore(config);
  return [
    {
      path: "/exports",
      handlers: [
        admitAddress(admission, sendError),
        exportDownload({ pool, store, secrets: [config.secret, ...(config.previousSecrets ?? [])], log }),
      ],
    },
    {
      path: "/imports",
      handlers: [
        admitAddress(admission, sendError),
        authenticate(authenticator, sendError),
        admitPrincipal(admission, sendError),
        importUpload({ pool, config, log, draining }),
      ],
    },
    {
      path: "/hooks",
      handlers: [
        admitAddress(admission, sendError),
        bodyDeadline(hookMs),
        webhookEndpoint({ pool, config, admission }),
      ],
    },
  ];
}
