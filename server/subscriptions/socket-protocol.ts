import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { GraphQLError, type ExecutionArgs } from "graphql";
import { makeServer, type Server } from "graphql-ws";
import { makeGraphQLWSConfig, type GrafservBase } from "postgraphile/grafserv";
import type { WebSocket } from "ws";
import { RowhouseError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { credentialOfHeader, credentialOfRequest } from "../auth/authenticate.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Session } from "../auth/session.ts";
import type { ClientOf } from "../http/client-address.ts";
import { withRequestScope, type RequestScope } from "../http/request-scope.ts";
import type { Admission } from "../limits/admission.ts";
import type { Flow } from "./flow.ts";
import { kindOf } from "./operation-kind.ts";

/** An operation that is under way on a socket. */
export interface SocketOperation {
  readonly scope: RequestScope;
  readonly started: number;
  /** Gives back the tenant's place that it takes. */
  leave?: () => void;
}

/** What is known of a socket. */
export interface SocketState {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  readonly flow: Flow;
  /** Operations under way, by the id the client gave them. */
  readonly operations: Map<string, SocketOperation>;
  session?: Session;
  stopFollowing?: () => void;
}

/** How the sockets speak. Times are in milliseconds. */
export interface SocketProtocolOptions {
  readonly grafserv: GrafservBase;
  readonly authenticator: Authenticator;
  readonly log: Log;
  readonly clientOf: ClientOf;
  readonly admission: Admission;
  /** How long a socket may stay open without a connection_init. */
  readonly initTimeoutMs: number;
  /** Operations that may be under way at once on one socket. */
  readonly operationsMax: number;
}

/** What grafserv's configuration of graphql-ws always has. */
type GraphqlWs = Required<
  Pick<ReturnType<typeof makeGraphQLWSConfig>, "onSubscribe" | "onNext" | "onError" | "execute" | "subscribe">
>;

/**
 * The graphql-ws protocol over grafserv, with a token required at connection_init: every operation runs with the
 * claims of the socket, which is closed with 4401 when they end.
 */
export function createSocketProtocol(options: SocketProtocolOptions): Server<SocketState> {
  const { grafserv, authenticator, log, operationsMax } = options;
  const inner = makeGraphQLWSConfig(grafserv) as GraphqlWs;

  const scoped = <T>(state: SocketState, id: string, run: () => T): T => {
    const operation = state.operations.get(id);
    return operation ? withRequestScope(operation.scope, run) : run();
  };
  const ended = (state: SocketState, id: string) => {
    const operation = state.operations.get(id);
    if (operation === undefined) return;
    state.operations.delete(id);
    operation.leave?.();
    const { requestId, session, operation: name, code } = operation.scope;
    const durationMs = Math.round(performance.now() - operation.started);
    log.info({ requestId, tenantId: session.tenantId, operation: name, code, durationMs }, "socket operation");
  };

  return makeServer<Record<string, unknown>, SocketState>({
    connectionInitWaitTimeout: options.initTimeoutMs,

    async onConnect({ connectionParams, extra }) {
      const { socket, request } = extra;
      const { ipAddress } = options.clientOf(request);
      try {
        const credential = credentialOfParams(connectionParams, request);
        const session = await authenticator.verify(credential, ipAddress);
        // It may have gone away meanwhile, and nobody would stop what follows it.
        if (socket.readyState !== socket.OPEN) return false;
        extra.session = session;
        extra.stopFollowing = authenticator.follow(session, credential, ipAddress, (reason) =>
          socket.close(4401, closeReason(reason)),
        );
      } catch (error) {
        const reason = error instanceof RowhouseError ? error.message : "The token cannot be verified.";
        if (!(error instanceof RowhouseError)) log.error({ err: error }, "a socket's credential could not be verified");
        socket.close(4401, closeReason(reason));
        return false;
      }
      return true;
    },

    async onSubscribe(ctx, id, payload) {
      const state = ctx.extra;
      const session = state.session;
      if (session === undefined) throw new Error("A socket got to its operations without a session.");
      const client = options.clientOf(state.request);
      const scope: RequestScope = { requestId: randomUUID(), client, session, whenIdle: () => state.flow.whenIdle() };
      const operation: SocketOperation = { scope, started: performance.now() };
      state.operations.set(id, operation);
      // What the client has completed is gone from here at once, though it may still be winding down.
      if (Object.keys(ctx.subscriptions).length > operationsMax) {
        const message = `This socket has ${operationsMax} operations under way, and may not have more. Complete one first, or open another socket.`;
        const details = { limit: operationsMax, count: operationsMax, name: "socketOperations" };
        const refusal = new RowhouseError("LIMIT_EXCEEDED", message, { details });
        return [new GraphQLError(message, { originalError: refusal })];
      }
      try {
        await options.admission.address(client.ipAddress);
        await options.admission.principal(session);
        const args = await withRequestScope(scope, () => inner.onSubscribe(ctx as never, id, payload as never));
        if (!args || Array.isArray(args)) return args as never;
        scopes.set(args, scope);
        const leave = await options.admission.operation(session, kindOf(args as ExecutionArgs));
        // It may have been completed meanwhile, and nobody would end it.
        if (state.operations.get(id) === operation) operation.leave = leave;
        else leave();
        return args as never;
      } catch (error) {
        if (!(error instanceof RowhouseError)) throw error;
        return [new GraphQLError(error.message, { originalError: error })];
      }
    },
    execute: (args) => scopedByArgs(args, inner.execute),
    subscribe: (args) => scopedByArgs(args, inner.subscribe),
    onNext: (ctx, id, payload, args, result) =>
      scoped(ctx.extra, id, () => inner.onNext(ctx as never, id, payload as never, args, result)) as never,
    onError(ctx, id, payload, errors) {
      const shown = scoped(ctx.extra, id, () => inner.onError(ctx as never, id, payload as never, errors));
      ended(ctx.extra, id);
      return shown as never;
    },
    onComplete: (ctx, id) => ended(ctx.extra, id),
    onClose({ extra }) {
      extra.stopFollowing?.();
      for (const id of [...extra.operations.keys()]) ended(extra, id);
    },
  });
}

/** Scopes by the arguments of their operation, which graphql-ws hands on without its id. */
const scopes = new WeakMap<object, RequestScope>();

function scopedByArgs<A extends object, T>(args: A, run: (args: A) => T): T {
  const scope = scopes.get(args);
  return scope ? withRequestScope(scope, () => run(args)) : run(args);
}

function credentialOfParams(params: Readonly<Record<string, unknown>> | undefined, request: IncomingMessage): string {
  const header = params?.["authorization"] ?? params?.["Authorization"];
  if (typeof header === "string") return credentialOfHeader(header);
  const token = params?.["token"] ?? params?.["apiKey"] ?? credentialOfRequest(request);
  if (typeof token === "string") return token;
  const message = 'Send an access token in connection_init: {"authorization": "Bearer <access token>"}.';
  throw new RowhouseError("UNAUTHENTICATED", message);
}

/** A close frame holds 123 bytes of reason. */
function closeReason(text: string): string {
  return Buffer.from(text)
    .subarray(0, 120)
    .toString("utf8")
    .replace(/\uFFFD+$/, "");
}
