import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { Request, RequestHandler, Response } from "express";
import { anonymous, type Session } from "../auth/session.ts";
import type { ClientInfo } from "../auth/sessions.ts";
import { createClientOf, type ClientOf } from "./client-address.ts";

/** What is known of the request, or socket operation, that is being served. */
export interface RequestScope {
  readonly requestId: string;
  /** Where it comes from. */
  readonly client: ClientInfo;
  session: Session;
  /** Kind and name of the GraphQL operation, such as `query ListPage`. */
  operation?: string | undefined;
  /** SHA-256 of the stored document that is run, if it is one. */
  documentHash?: string | undefined;
  /** Hash of the Idempotency-Key that was claimed for it. */
  idempotencyKeyHash?: string | undefined;
  /** Code of the first error of the response. */
  code?: string | undefined;
  /** Resolves once the client has taken what was sent; only sockets and event streams have it. */
  readonly whenIdle?: (() => Promise<void>) | undefined;
  /** Where the client of an event stream left off: its `Last-Event-ID`. */
  readonly resumeAfter?: string | undefined;
  /** Told, once for each event of a subscription, what its client can resume after; only event streams have it. */
  readonly noteEventId?: ((id: string) => void) | undefined;
}

const storage = new AsyncLocalStorage<RequestScope>();

/** The scope of the request that is being served, wherever in its call tree; undefined outside requests. */
export function currentRequest(): RequestScope | undefined {
  return storage.getStore();
}

/** Who the request that is being served comes from; anonymous outside requests. */
export function currentSession(): Session {
  return storage.getStore()?.session ?? anonymous;
}

/** Runs a function, and all that it awaits, within a scope. */
export function withRequestScope<T>(scope: RequestScope, run: () => T): T {
  return storage.run(scope, run);
}

const saneId = /^[\w.:-]{8,128}$/;

/** A request id: the one that was sent when it is sane, else a new one. */
export function requestIdOf(sent: string | string[] | undefined): string {
  return typeof sent === "string" && saneId.test(sent) ? sent : randomUUID();
}

/** Opens the scope of each request and names its id in the response. */
export function requestScope(clientOf: ClientOf = createClientOf()): RequestHandler {
  return (req: Request, res: Response, next) => {
    const requestId = requestIdOf(req.headers["x-request-id"]);
    const scope: RequestScope = { requestId, client: clientOf(req), session: anonymous };
    res.locals["scope"] = scope;
    res.setHeader("X-Request-Id", scope.requestId);
    withRequestScope(scope, next);
  };
}

/** The scope of a request that passed the `requestScope` middleware. */
export function scopeOf(res: { readonly locals?: Record<string, unknown> }): RequestScope {
  const scope = res.locals?.["scope"] as RequestScope | undefined;
  if (scope === undefined) throw new Error("This request did not pass the requestScope middleware.");
  return scope;
}
