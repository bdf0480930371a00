import cors from "cors";
import type { IncomingMessage } from "node:http";
import type { RequestHandler } from "express";
import type { Config } from "../../lib/config.ts";

/** Lets pages of the listed origins use the API; without a list no page of another origin may. Tokens are sent in headers, so no cookies. */
export function crossOrigin({ corsOrigins }: Config): RequestHandler {
  return cors({
    origin: corsOrigins.length > 0 ? [...corsOrigins] : false,
    methods: ["GET", "HEAD", "POST"],
    allowedHeaders: [
      "Authorization",
      "Content-Type",
      "Content-Encoding",
      "Idempotency-Key",
      "If-None-Match",
      "Last-Event-ID",
      "Range",
      "X-Api-Key",
      "X-Request-Id",
    ],
    exposedHeaders: [
      "Content-Disposition",
      "ETag",
      "Idempotent-Replayed",
      "Retry-After",
      "WWW-Authenticate",
      "X-Request-Id",
    ],
    maxAge: 600,
  });
}

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * Whether a WebSocket may be opened: by programs, which send no Origin, and by pages of the listed origins or of the
 * server's own; outside production also by pages of this machine.
 */
export function mayOpenSocket({ corsOrigins, publicUrl, nodeEnv }: Config): (request: IncomingMessage) => boolean {
  const allowed = new Set([...corsOrigins, new URL(publicUrl).origin]);
  return ({ headers: { origin } }) => {
    if (origin === undefined || allowed.has(origin)) return true;
    return nodeEnv !== "production" && URL.canParse(origin) && loopback.test(new URL(origin).hostname);
  };
}
