import { Pool, type PoolConfig } from "pg";
import type { Log } from "./log.ts";

/** What a pool needs to know. Times are in milliseconds. */
export interface PoolOptions {
  readonly connectionString: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly log: Log;
  /** Connections at most; 20 unless told. */
  readonly size?: number | undefined;
  /** Cancels statements of every connection after this long; 0 or unset never does. */
  readonly statementTimeoutMs?: number | undefined;
  /** Anything else node-postgres takes. */
  readonly extra?: PoolConfig | undefined;
}

const neverConnectedMs = 10_000;

/**
 * A pool whose lost connections are logged and replaced instead of ending the process. A `bigint` stays text, as
 * node-postgres has it. The caller ends the pool.
 */
export function createPool({
  connectionString,
  applicationName,
  log,
  size,
  statementTimeoutMs,
  extra,
}: PoolOptions): Pool {
  const pool = new Pool({
    connectionString,
    application_name: applicationName,
    max: size ?? 20,
    connectionTimeoutMillis: neverConnectedMs,
    keepAlive: true,
    ...(statementTimeoutMs ? { statement_timeout: statementTimeoutMs } : {}),
    ...extra,
  });
  const lost = (error: Error) => log.warn({ err: error, pool: applicationName }, "a database connection was lost");
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", lost));
  return pool;
}

/** The number of a `bigint` column that is known to fit, such as a row count. */
export function toNumber(value: string | number | null | undefined): number {
  const number = Number(value ?? 0);
  if (!Number.isSafeInteger(number))
    throw new RangeError(`${String(value)} is not a whole number that JavaScript can hold`);
  return number;
}
