import type { RequestHandler } from "express";
import { createTenantStore } from "../lib/export-files.ts";
import type { ServerContext } from "./app.ts";
import { authenticate } from "./auth/authenticate.ts";
import { admitAddress, admitPrincipal } from "./http/admit.ts";
import { exportDownload } from "./http/export-download.ts";
import { importUpload } from "./http/import-upload.ts";
import { sendError } from "./http/send-error.ts";

/** A plain HTTP route: files go around GraphQL. */
export interface Route {
  readonly path: string;
  readonly handlers: readonly RequestHandler[];
}

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
  ];
}
