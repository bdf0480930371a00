import { GraphQLError, type ExecutionArgs, type ExecutionResult } from "graphql";
import { execute } from "postgraphile/grafast";
import { RowhouseError } from "../../lib/errors.ts";
import type { Config } from "../../lib/config.ts";
import { currentRequest } from "../http/request-scope.ts";
import { LiveDirective, liveWishOf } from "../live/live-directive.ts";

const isRun = Symbol("a run of a live query");
const throttleMaxMs = 3_600_000;

/** `@live` on queries: over sockets and event streams they are answered again whenever what they read has changed. */
export function livePlugin({
  liveThrottleMs,
  nodeEnv,
}: Pick<Config, "liveThrottleMs" | "nodeEnv">): GraphileConfig.Plugin {
  return {
    name: "LivePlugin",
    version: "1.0.0",
    schema: {
      hooks: {
        GraphQLSchema: (config: any) => ({ ...config, directives: [...config.directives, LiveDirective] }),
      },
    } as any,
    grafast: {
      middleware: {
        execute(next: any, { args }: any) {
          if (args[isRun]) return next();
          try {
            const wish = liveWishOf(args);
            return wish === undefined ? next() : follow(args, wish.throttleMs);
          } catch (error) {
            return refused(error);
          }
        },
      },
    } as any,
  };

  async function follow(args: ExecutionArgs, throttleMs = liveThrottleMs) {
    try {
      const scope = currentRequest();
      const { services } = args.contextValue as Grafast.Context;
      if (scope?.whenIdle === undefined || services === undefined)
        throw new RowhouseError("VALIDATION_FAILED", overWhat);
      if (scope.session.tenantId === undefined) {
        throw new RowhouseError(
          "TENANT_REQUIRED",
          "This session has no tenant. Log in to a tenant to follow its data.",
        );
      }
      if (scope.documentHash === undefined && nodeEnv !== "development") throw new RowhouseError("FORBIDDEN", storeIt);
      if (throttleMs < 0 || throttleMs > throttleMaxMs) {
        const message = `The throttle is ${throttleMs} ms; it must be between 0 and ${throttleMaxMs}.`;
        throw new RowhouseError("VALIDATION_FAILED", message, { field: "throttle" });
      }
      return await services.live.follow({
        ...{ args, scope },
        throttleMs: Math.max(throttleMs, liveThrottleMs),
        execute: async (run) => (await execute({ ...run, [isRun]: true } as never)) as ExecutionResult,
      });
    } catch (error) {
      return refused(error);
    }
  }
}

const overWhat =
  "A live query is served over WebSocket (the graphql-ws protocol) or as server-sent events (Accept: text/event-stream). Send it so, or without @live.";
const storeIt =
  "Only a stored document can be live. Store it with npm run documents, and send its hash as documentId; or send it without @live.";

function refused(error: unknown): ExecutionResult {
  if (error instanceof GraphQLError) return { errors: [error] };
  const { message } = error as Error;
  return { errors: [new GraphQLError(message, { originalError: error as Error })] };
}
