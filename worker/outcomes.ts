import { DatabaseError } from "pg";
import { errorCodeOfSqlstate, RowhouseError, type ErrorCode } from "../lib/errors.ts";

/** Ends a job as cancelled: somebody asked for it. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

/** Puts a job back to run again after a while, without counting the attempt. */
export class Snoozed extends Error {
  override readonly name = "Snoozed";
  readonly afterMs: number;

  constructor(afterMs: number, reason: string) {
    super(reason);
    this.afterMs = afterMs;
  }
}

/** Ends a job for good, whatever attempts are left; the message is shown to the tenant. */
export class Dead extends Error {
  override readonly name = "Dead";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The job is not ours any more: another worker took it over, or its row is gone. Nothing may be written. */
export class Superseded extends Error {
  override readonly name = "Superseded";
}

/** Makes the queue deliver the job again; its message, which the queue keeps, tells nothing of the inside. */
export class Redeliver extends Error {
  override readonly name = "Redeliver";
}

/** What is written down about a failure, in words that a tenant may read. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  /** Trying again would end the same way. */
  readonly isPermanent: boolean;
}

const transientCodes: readonly ErrorCode[] = ["CONFLICT", "LIMIT_EXCEEDED"];
const internal = "Something went wrong inside Rowhouse, not in your data. It is logged with the id of this job.";
const away = "The database or the file store could not be reached.";

/** Classes of SQLSTATE that pass: connection lost, conflict with another transaction, out of resources, shut down. */
const passing = /^(08|40|53|57P0|58)/;
const networkCodes = /^(ECONN|EPIPE|ETIMEDOUT|ENOSPC|EMFILE|EIO)/;

/** Describes any error for the job's row: our own word for word, everything else without a detail of the inside. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof Dead) return { code: error.code, message: error.message, isPermanent: true };
  if (error instanceof RowhouseError) return ours(error.code, error.message);
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof DatabaseError) {
    const known = errorCodeOfSqlstate(error.code);
    if (known) return ours(known, error.message);
  }
  if (typeof code === "string" && (passing.test(code) || networkCodes.test(code))) {
    return { code: "UNAVAILABLE", message: away, isPermanent: false };
  }
  return { code: "INTERNAL", message: internal, isPermanent: false };
}

function ours(code: ErrorCode, message: string): Failure {
  return { code, message, isPermanent: !transientCodes.includes(code) };
}
