import helmet from "helmet";
import type { RequestHandler } from "express";
import type { Config } from "../../lib/config.ts";

const quoted = (...words: string[]) => words.map((word) => `'${word}'`);

/** No answer of the API is a page: it may load nothing, and nothing may frame it. */
const nothing = {
  defaultSrc: quoted("none"),
  baseUri: quoted("none"),
  formAction: quoted("none"),
  frameAncestors: quoted("none"),
};

/** Ruru is a page, shown in development only: its own scripts, an inline one that sets it up, its workers and sockets. */
const ruru = {
  ...nothing,
  defaultSrc: quoted("self"),
  scriptSrc: [...quoted("self", "unsafe-inline", "unsafe-eval"), "blob:"],
  styleSrc: quoted("self", "unsafe-inline"),
  imgSrc: [...quoted("self"), "data:", "blob:"],
  fontSrc: [...quoted("self"), "data:"],
  workerSrc: [...quoted("self"), "blob:"],
  connectSrc: [...quoted("self"), "ws:", "wss:"],
};

/** Keeps answers out of caches, frames, other sites' pages, sniffing browsers and referrers; a route may say otherwise. */
export function securityHeaders({ nodeEnv, publicUrl }: Config): RequestHandler {
  const protect = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: nodeEnv === "development" ? ruru : nothing },
    frameguard: { action: "deny" },
    strictTransportSecurity: publicUrl.startsWith("https:") ? { maxAge: 31_536_000, includeSubDomains: false } : false,
  });
  return (req, res, next) => {
    res.setHeader("Cache-Control", "no-store");
    protect(req, res, next);
  };
}
