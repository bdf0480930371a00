import { GraphQLError, OperationTypeNode, getOperationAST } from "graphql";
import { RowhouseError } from "../../lib/errors.ts";
import { currentRequest } from "../http/request-scope.ts";
import { shareReads } from "../subscriptions/share-reads.ts";

/**
 * Names the operation for the access log, keeps subscriptions to sockets and event streams, where they end with their token, and lets
 * subscribers with the same claims share the queries behind an event.
 */
export const OperationPlugin: GraphileConfig.Plugin = {
  name: "OperationPlugin",
  version: "1.0.0",
  grafast: {
    middleware: {
      prepareArgs(next, { args }) {
        const operation = getOperationAST(args.document, args.operationName);
        const scope = currentRequest();
        if (scope && operation)
          scope.operation = [operation.operation, operation.name?.value].filter(Boolean).join(" ");
        const prepared = next();
        if (operation?.operation === OperationTypeNode.SUBSCRIPTION)
          letShareReads(args.contextValue as Grafast.Context);
        return prepared;
      },
      execute(next, { args }) {
        // Over a socket or event stream a subscription is subscribed to, not executed; over plain HTTP it would outlive its token.
        const operation = getOperationAST(args.document, args.operationName);
        return operation?.operation === OperationTypeNode.SUBSCRIPTION ? { errors: [needsStream()] } : next();
      },
    },
  },
};

function letShareReads(context: Grafast.Context): void {
  if (!context.withPgClient || !context.services) return;
  Object.assign(context, { withPgClient: shareReads(context.withPgClient, context.services.pool) });
}

function needsStream(): GraphQLError {
  const message =
    "Subscriptions are served over WebSocket (connect to this path with the graphql-ws protocol) and as server-sent events (Accept: text/event-stream).";
  return new GraphQLError(message, { originalError: new RowhouseError("VALIDATION_FAILED", message) });
}
