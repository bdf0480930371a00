import express, { type Request, type RequestHandler, type Response } from "express";
import { getOperationAST, GraphQLError, OperationTypeNode, type ExecutionArgs } from "graphql";
import { Gauge, type Registry } from "prom-client";
import { makeGraphQLWSConfig, type GrafservBase } from "postgraphile/grafserv";
import { RowhouseError } from "../../lib/errors.ts";
import { credentialOfRequest } from "../auth/authenticate.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { scopeOf, withRequestScope, type RequestScope } from "../http/request-scope.ts";
import { sendGraphqlError } from "../http/send-error.ts";
import type { Admission } from "../limits/admission.ts";
import { bodyTooLarge } from "../limits/body-limit.ts";
import { openEventStream, type EventStream } from "./event-stream.ts";
import { kindOf } from "./operation-kind.ts";
import { readStreamRequest, unreadable, wantsEvents } from "./stream-request.ts";

/** How operations are answered with server-sent events. Times are in milliseconds, sizes in bytes. */
export interface EventStreamOptions {
  readonly grafserv: GrafservBase;
  readonly authenticator: Authenticator;
  readonly admission: Admission;
  readonly metrics: Registry;
  readonly bodyBytesMax: number;
  readonly keepAliveMs?: number;
}

/** Streams that are being served. */
export interface EventStreams {
  /** Answers requests for `text/event-stream`, once they are authenticated; the others go on. */
  readonly handlers: readonly RequestHandler[];
  /** Ends every stream so that its client connects again, and takes no more. */
  close(): Promise<void>;
}

type Inner = Required<
  Pick<ReturnType<typeof makeGraphQLWSConfig>, "onSubscribe" | "onNext" | "onError" | "execute" | "subscribe">
>;

const message = "The server is shutting down. Connect again.";

/** Serves GraphQL by the distinct connections mode of graphql-sse: one operation, one request, one stream. */
export function serveEventStreams(options: EventStreamOptions): EventStreams {
  const { authenticator, admission, keepAliveMs = 15_000 } = options;
  const inner = makeGraphQLWSConfig(options.grafserv) as unknown as Inner;
  const streams = new Map<EventStream, Promise<void>>();
  let isClosing = false;

  async function answer(req: Request, res: Response): Promise<void> {
    const scope = scopeOf(res);
    const payload = readStreamRequest(req);
    // What grafserv knows of a socket; an operation is made ready the same way for both.
    const context = { extra: { request: req } };
    const errorsOf = (errors: unknown) => ({
      errors: inner.onError(context as never, "", {} as never, errors as never),
    });
    const args = (await inner.onSubscribe(context as never, "", payload as never)) as ExecutionArgs | GraphQLError[];
    if (Array.isArray(args)) return openEventStream(res, keepAliveMs).complete(errorsOf(args));
    const leave = await admission.operation(scope.session, kindOf(args));
    if (res.closed) return leave();
    res.once("close", leave);

    const stream = openEventStream(res, keepAliveMs);
    const ids: string[] = [];
    const noteEventId = (id: string) => void ids.push(id);
    Object.assign(scope, { whenIdle: stream.whenIdle, resumeAfter: req.get("last-event-id"), noteEventId });
    const credential = credentialOfRequest(req);
    const stopFollowing =
      credential === undefined
        ? () => undefined
        : authenticator.follow(scope.session, credential, scope.client.ipAddress, (reason) =>
            withRequestScope(scope, () => {
              const error = new RowhouseError("UNAUTHENTICATED", reason);
              stream.complete(errorsOf([new GraphQLError(reason, { originalError: error })]));
            }),
          );
    const gone = new Promise<void>((resolve) => res.once("close", resolve));
    streams.set(stream, gone);
    try {
      const isSubscription =
        getOperationAST(args.document, args.operationName)?.operation === OperationTypeNode.SUBSCRIPTION;
      const result: object = await (isSubscription ? inner.subscribe(args as never) : inner.execute(args as never));
      const shown = async (each: object) =>
        (await inner.onNext(context as never, "", {} as never, args as never, each as never)) ?? each;
      await sendResults(stream, res, result, async (each) => stream.next((await shown(each)) as object, ids.shift()));
      stream.complete();
    } catch (error) {
      if (!stream.isOver)
        stream.complete(
          errorsOf([error instanceof GraphQLError ? error : new GraphQLError("", { originalError: error as Error })]),
        );
    } finally {
      stopFollowing();
      void gone.then(() => streams.delete(stream));
    }
  }

  new Gauge({
    name: "rowhouse_event_streams",
    help: "Streams of server-sent events that are open.",
    registers: [options.metrics],
    collect() {
      this.set(streams.size);
    },
  });

  const refuse = (res: Response, error: unknown, next: (error: unknown) => void) => {
    if (res.headersSent || !(error instanceof RowhouseError)) return next(error);
    sendGraphqlError(res, error);
  };
  const readBody = express.raw({ type: () => true, limit: options.bodyBytesMax, inflate: false });
  const read: RequestHandler = (req, res, next) => {
    if (!wantsEvents(req)) return next();
    if (isClosing) return void res.status(503).set("Connection", "close").end();
    const reason = unreadable(req);
    if (reason) return sendGraphqlError(res, reason, 415);
    readBody(req, res, (error: unknown) => {
      if (error === undefined) return next();
      const { status } = error as { status?: number };
      if (status === undefined || status >= 500) return next(error);
      refuse(res, bodyError(status, options.bodyBytesMax, error as Error), next);
    });
  };
  const run: RequestHandler = (req, res, next) => {
    if (!wantsEvents(req)) return next();
    const scope: RequestScope = scopeOf(res);
    withRequestScope(scope, () => answer(req, res)).catch((error: unknown) => refuse(res, error, next));
  };
  return {
    handlers: [read, run],
    async close() {
      isClosing = true;
      const gone = [...streams.values()];
      for (const stream of streams.keys()) stream.interrupt(message);
      await Promise.all(gone);
    },
  };
}

function bodyError(status: number, limit: number, { message }: Error): RowhouseError {
  if (status !== 413) return new RowhouseError("VALIDATION_FAILED", `The request cannot be read: ${message}.`);
  const { message: sentence, details } = bodyTooLarge(limit);
  return new RowhouseError("LIMIT_EXCEEDED", sentence, { details });
}

/** Sends what comes, one after the other, until nothing more comes or nobody is there to take it. */
async function sendResults(
  stream: EventStream,
  res: Response,
  result: object & Partial<AsyncIterable<object>>,
  send: (result: object) => Promise<void>,
): Promise<void> {
  if (result[Symbol.asyncIterator] === undefined) return send(result);
  const iterator = result[Symbol.asyncIterator]!();
  const stop = () => void Promise.resolve(iterator.return?.()).catch(() => undefined);
  // Also where the last event was sent, such as when the token has expired.
  res.once("finish", stop);
  res.once("close", stop);
  try {
    if (stream.isOver) return;
    for (let each = await iterator.next(); !each.done && !stream.isOver; each = await iterator.next()) {
      await send(each.value);
    }
  } finally {
    stop();
  }
}
