import { randomUUID } from "node:crypto";
import { GraphQLError, type ExecutionArgs, type ExecutionResult } from "graphql";
import { RowhouseError, type ErrorCode } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { presentError } from "../errors/present-error.ts";
import { withRequestScope, type RequestScope } from "../http/request-scope.ts";
import { noteReads, type Reads } from "./note-reads.ts";
import type { TableCatalog } from "./table-catalog.ts";

/** What one run of a document has answered. */
export interface LiveState {
  /** Undefined when there is none at all. */
  readonly data: unknown;
  /** The data as JSON. */
  readonly text: string | undefined;
  readonly errors: readonly GraphQLError[] | undefined;
  /** Whether another run may do better with the same rows. */
  readonly hasFailed: boolean;
  /** What makes two lists of errors the same. */
  readonly errorKey: string;
  /** Tables whose changes may change the answer. */
  readonly tables: ReadonlySet<string>;
  /** Why this document cannot be live at all. */
  readonly refusal?: RowhouseError;
}

/** What a document is run with. */
export interface LiveRunOptions {
  readonly args: ExecutionArgs;
  /** The scope of whoever asked first: their session counts, and all who share the run have the same claims. */
  readonly scope: RequestScope;
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
  readonly catalog: () => Promise<TableCatalog>;
  readonly log: Log;
}

/** Runs a document once, and finds out what it has read. */
export async function runLive({ args, scope, execute, catalog, log }: LiveRunOptions): Promise<LiveState> {
  const { client, session, operation } = scope;
  const ownScope: RequestScope = { requestId: randomUUID(), client, session, operation };
  return withRequestScope(ownScope, async () => {
    const reads: Reads = { statements: new Set(), isElsewhere: false };
    let data: unknown;
    let errors: readonly GraphQLError[] | undefined;
    try {
      const contextValue = noteReads(args.contextValue as Grafast.Context, reads);
      const result = await execute({ ...args, contextValue });
      data = result.data ?? undefined;
      errors = result.errors;
    } catch (error) {
      errors = [error instanceof GraphQLError ? error : new GraphQLError("", { originalError: error as Error })];
    }
    const shown = errors?.map((error) => presentError(error, log));
    const text = data === undefined ? undefined : JSON.stringify(data);
    const found = await tablesOf(reads, await catalog());
    return {
      ...found,
      text,
      data: text === undefined ? undefined : (JSON.parse(text) as unknown),
      errors: shown,
      hasFailed: data === undefined || (shown ?? []).some(isPassing),
      errorKey: JSON.stringify(shown?.map(keyOf)),
    };
  });
}

function tablesOf({ statements, isElsewhere }: Reads, catalog: TableCatalog): Pick<LiveState, "tables" | "refusal"> {
  const tables = new Set<string>();
  const unfed = new Set<string>();
  for (const statement of statements) {
    const found = catalog.tablesOf(statement);
    found.fed.forEach((table) => tables.add(table));
    found.unfed.forEach((table) => unfed.add(table));
  }
  if (unfed.size > 0) {
    const named = [...unfed].sort().join(", ");
    const message = `This document cannot be live: it reads ${named}, whose changes no feed tells of. Leave that out, or send it without @live.`;
    return {
      tables,
      refusal: new RowhouseError("VALIDATION_FAILED", message, { details: { tables: [...unfed].sort() } }),
    };
  }
  if (isElsewhere || tables.size === 0) {
    const what = isElsewhere ? "more than tables, such as who is signed in" : "no table";
    const message = `This document cannot be live: it reads ${what}. Send it without @live.`;
    return { tables, refusal: new RowhouseError("VALIDATION_FAILED", message) };
  }
  return { tables };
}

const passing: readonly unknown[] = ["TIMEOUT", "CONFLICT", "INTERNAL"] satisfies ErrorCode[];

function isPassing({ extensions }: GraphQLError): boolean {
  return passing.includes(extensions["code"]);
}

/** An error of ours has another id each time. */
function keyOf({ message, path, extensions }: GraphQLError): unknown[] {
  const code = extensions["code"];
  return [code, path, code === "INTERNAL" ? "" : message];
}
