import { createHmac } from "node:crypto";
import type { Config } from "./config.ts";

/** The roles that log in. */
export type LoginRole = "rowhouse_server" | "rowhouse_worker";

/** The three ways into one database. */
export interface DatabaseUrls {
  /** May create roles, databases and schemas. */
  readonly admin: string;
  readonly server: string;
  readonly worker: string;
}

/** The password of a login role: an HMAC-SHA256 of its name, so that every process that knows the secret knows it. */
export function rolePassword(secret: string, role: LoginRole): string {
  return createHmac("sha256", secret).update(`password of ${role}`).digest("base64url");
}

/** The same database as `url`, entered as a login role. */
export function roleUrl(url: string, role: LoginRole, secret: string): string {
  const result = new URL(url);
  result.username = role;
  result.password = rolePassword(secret, role);
  return result.href;
}

/** The same server as `url`, another database. */
export function withDatabase(url: string, database: string): string {
  const result = new URL(url);
  result.pathname = `/${encodeURIComponent(database)}`;
  return result.href;
}

/** The database that a connection URL names. */
export function databaseName(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}

/** The URLs of all roles, from the administrator's; what the settings give explicitly wins. */
export function databaseUrls(adminUrl: string, config: Config): DatabaseUrls {
  return {
    admin: adminUrl,
    server: config.serverDatabaseUrl ?? roleUrl(adminUrl, "rowhouse_server", config.secret),
    worker: config.workerDatabaseUrl ?? roleUrl(adminUrl, "rowhouse_worker", config.secret),
  };
}
