import type { NextFunction, Request, Response } from "express";

/** Keeps answers out of caches, frames, sniffing browsers and referrers; a route may say otherwise. */
export function securityHeaders(_req: Request, res: Response, next: NextFunction): void {
  res.setHeader("Cache-Control", "no-store");
  res.setHeader("Referrer-Policy", "no-referrer");
  res.setHeader("X-Content-Type-Options", "nosniff");
  res.setHeader("X-Frame-Options", "DENY");
  next();
}
