import { pino, type DestinationStream, type Logger } from "pino";
import type { Config } from "./config.ts";

/** A logger that writes one JSON line per event. */
export type Log = Logger;

const secretPaths = [
  "password",
  "secret",
  "token",
  "authorization",
  "cookie",
  "connectionString",
  "databaseUrl",
  "headers.authorization",
  "headers.cookie",
  "req.headers.authorization",
  "req.headers.cookie",
];

/** A logger of one process (`server`, `worker`, …) to standard output; fields that hold secrets are redacted. */
export function createLog(
  config: Pick<Config, "logLevel">,
  name: string,
  destination: DestinationStream = pino.destination({ fd: 1, sync: true }),
): Log {
  return pino(
    {
      name,
      level: config.logLevel,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...secretPaths, ...secretPaths.map((path) => `*.${path}`)], censor: "[redacted]" },
    },
    destination,
  );
}
