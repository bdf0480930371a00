/** One kind of refusal: its SQLSTATE when the database raises it, the HTTP status it maps to, and what it means. */
export interface ErrorKind {
  /** Absent where the database never raises it. */
  readonly sqlstate?: string;
  readonly status: number;
  readonly sentence: string;
}

/** Every error code a client can meet, by name; `extensions.code` in GraphQL, `code` in JSON bodies. */
export const errorKinds = {
  TENANT_REQUIRED: { sqlstate: "RH001", status: 400, sentence: "The request names no tenant; log in to one first." },
  NOT_FOUND: { sqlstate: "RH002", status: 404, sentence: "Nothing of that id is visible to this tenant." },
  CONFLICT: { sqlstate: "RH003", status: 409, sentence: "It clashes with something that already exists." },
  VALIDATION_FAILED: { sqlstate: "RH004", status: 400, sentence: "A value does not have the form it must have." },
  FORBIDDEN: { sqlstate: "RH005", status: 403, sentence: "The role of this token may not do that." },
  INVALID_STATE: { sqlstate: "RH006", status: 409, sentence: "It is not possible in the present state." },
  LIMIT_EXCEEDED: { sqlstate: "RH007", status: 413, sentence: "A limit was exceeded; the message names it." },
  UNAUTHENTICATED: { sqlstate: "RH008", status: 401, sentence: "The token is missing, malformed or expired." },
  TIMEOUT: { status: 504, sentence: "It took longer than a request may take; ask for less at a time." },
  INTERNAL: { status: 500, sentence: "Something went wrong on our side; the log has it under the request id." },
  GRAPHQL_PARSE_FAILED: { status: 400, sentence: "The document is not GraphQL." },
  GRAPHQL_VALIDATION_FAILED: { status: 400, sentence: "The document or its variables do not fit the schema." },
} as const satisfies Record<string, ErrorKind>;

/** The name of an error kind, as clients see it. */
export type ErrorCode = keyof typeof errorKinds;

/** What an error may carry besides its message. */
export interface ErrorExtras {
  /** The input field that is to blame. */
  readonly field?: string | undefined;
  /** Facts a client may act on; never internals. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** An error whose message may be shown to the caller: it says what happened, to what, and what to do. */
export class RowhouseError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, { cause: extras.cause });
    this.name = "RowhouseError";
    this.code = code;
    this.field = extras.field;
    this.details = extras.details;
  }

  /** The HTTP status that goes with the code. */
  get status(): number {
    return errorKinds[this.code].status;
  }
}

/** A mistake in how Rowhouse was set up or started; the message is all its reader needs, a stack adds nothing. */
export class SetupError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "SetupError";
  }
}

const codesBySqlstate = new Map<string, ErrorCode>(
  (Object.entries(errorKinds) as [ErrorCode, ErrorKind][]).flatMap(([code, { sqlstate }]) =>
    sqlstate === undefined ? [] : [[sqlstate, code] as const],
  ),
);

/** The error code of an `RH…` SQLSTATE, or undefined when it is not one of ours. */
export function errorCodeOfSqlstate(sqlstate: string | undefined): ErrorCode | undefined {
  return sqlstate === undefined ? undefined : codesBySqlstate.get(sqlstate);
}
