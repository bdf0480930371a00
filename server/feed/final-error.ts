import { RowhouseError, type ErrorCode } from "../../lib/errors.ts";

const passing: readonly ErrorCode[] = ["TIMEOUT", "CONFLICT", "INTERNAL"];

/** Whether an error of a read will be the same when it is tried again: a refusal, not a failure. */
export function isFinalError(error: unknown): error is RowhouseError {
  return error instanceof RowhouseError && !passing.includes(error.code);
}
