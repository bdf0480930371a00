import { Logger, type LogLevel } from "graphile-worker";
import type { Log } from "../lib/log.ts";

const levels = { error: "error", warning: "warn", info: "debug", debug: "trace" } as const;

/** The queue's log lines in ours; its figures are left out, as they hold payloads, and its reports of single jobs go to debug. */
export function createQueueLog(log: Log): Logger {
  return new Logger(() => (level: `${LogLevel}`, message: string, meta?: object) => {
    const isJobReport = meta !== undefined && "failure" in meta;
    log[isJobReport ? "debug" : levels[level]]({ source: "queue" }, message.split("\n", 1)[0]);
  });
}
