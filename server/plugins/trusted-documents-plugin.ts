import { SafeError } from "postgraphile/grafast";
import { errorKinds, RowhouseError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { DocumentStore } from "../documents/document-store.ts";
import { currentRequest } from "../http/request-scope.ts";

/** What a request may name instead of sending a document, as clients write it. */
interface RequestBody {
  query?: unknown;
  readonly id?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: { readonly persistedQuery?: unknown };
}

/** How stored documents are used. */
export interface TrustedDocumentsOptions {
  readonly store: Pick<DocumentStore, "find">;
  /** Whether nothing else may be run. */
  readonly only: boolean;
  readonly log?: Log | undefined;
}

/** Runs stored documents by the hash that a request names, over HTTP and WebSocket; if so told, nothing else. */
export function trustedDocumentsPlugin({ store, only, log }: TrustedDocumentsOptions): GraphileConfig.Plugin {
  async function replace(body: RequestBody): Promise<void> {
    const isSent = typeof body.query === "string" && body.query.trim() !== "";
    const hash = hashOf(body);
    if (hash === undefined) {
      if (!only) return;
      const message =
        "This server runs stored documents only. Store it with npm run documents, and send its hash as documentId.";
      throw new RowhouseError("FORBIDDEN", message, { field: "documentId" });
    }
    const stored = /^[0-9a-f]{64}$/.test(hash) ? await store.find(hash) : undefined;
    if (stored !== undefined) {
      body.query = stored;
      const scope = currentRequest();
      if (scope) scope.documentHash = hash;
    } else if (only || !isSent) {
      const message = `There is no stored document ${JSON.stringify(hash.slice(0, 80))}. Store it with npm run documents.`;
      throw new RowhouseError("NOT_FOUND", message, { field: "documentId" });
    }
  }

  return {
    name: "TrustedDocumentsPlugin",
    version: "1.0.0",
    grafserv: {
      middleware: {
        async processGraphQLRequestBody(next: any, { body, graphqlWsContext }: any) {
          try {
            await replace(body);
          } catch (error) {
            // A socket's errors are presented like those of operations; those of a request are sent as they are.
            throw graphqlWsContext ? error : sendable(error, log);
          }
          return next();
        },
      },
    } as any,
  };
}

/** The hash as Apollo, Relay and the appendix on persisted documents of GraphQL over HTTP send it. */
function hashOf({ id, documentId, extensions }: RequestBody): string | undefined {
  const persisted = extensions?.persistedQuery;
  const named = typeof persisted === "object" ? (persisted as { sha256Hash?: unknown } | null)?.sha256Hash : persisted;
  const hash = [named, documentId, id].find((each) => typeof each === "string");
  return hash === undefined ? undefined : (hash as string).replace(/^sha256:/, "");
}

function sendable(error: unknown, log: Log | undefined): SafeError {
  if (!(error instanceof RowhouseError)) {
    log?.error({ err: error }, "a stored document could not be looked up");
    return new SafeError("The stored documents cannot be read now. Try again.", { statusCode: 503, code: "INTERNAL" });
  }
  const { code, field, message } = error;
  return new SafeError(message, { statusCode: errorKinds[code].status, code, field });
}
