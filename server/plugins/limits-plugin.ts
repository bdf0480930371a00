import { NoSchemaIntrospectionCustomRule } from "graphql";
import { SafeError } from "postgraphile/grafast";
import { errorKinds } from "../../lib/errors.ts";
import { bodyTooLarge } from "../limits/body-limit.ts";
import { checkWithVariables, limitRule, type OperationLimits } from "../limits/operation-limits.ts";

/** Refuses operations that ask for too much, before they are planned, over HTTP and WebSocket. */
export function limitsPlugin(
  limits: OperationLimits,
  options: { readonly introspection: boolean; readonly bodyBytesMax: number },
): GraphileConfig.Plugin {
  return {
    name: "LimitsPlugin",
    version: "1.0.0",
    grafserv: {
      middleware: {
        processRequest(next: any, event: any) {
          const { requestDigest } = event;
          const getBody = requestDigest.getBody;
          // A body that was read before comes at once, without a promise.
          const read = async () => getBody.call(requestDigest);
          requestDigest.getBody = async () => refuseBatch(await read().catch(sayLimit));
          return next();
        },
        setPreset(next: any, event: any) {
          event.validationRules.unshift(limitRule(limits));
          if (!options.introspection) event.validationRules.push(NoSchemaIntrospectionCustomRule);
          return next();
        },
      },
    } as any,
    grafast: {
      middleware: {
        execute: refuse,
        subscribe: refuse,
      },
    } as any,
  };

  function sayLimit(error: { readonly extensions?: { readonly statusCode?: number } }): never {
    if (error.extensions?.statusCode !== 413) throw error;
    const { message, details } = bodyTooLarge(options.bodyBytesMax);
    throw new SafeError(message, { statusCode: 413, code: "LIMIT_EXCEEDED", details });
  }

  function refuse(next: any, { args }: any): unknown {
    const exceeded = checkWithVariables(args.schema, args.document, limits, args.variableValues ?? {});
    return exceeded ? { errors: [exceeded] } : next();
  }
}

/** A list of operations would be many requests that count as one. */
function refuseBatch(body: { readonly type: string; readonly buffer?: Buffer }): unknown {
  const text = body.type === "buffer" ? body.buffer!.subarray(0, 100).toString("utf8") : "";
  if (!/^\uFEFF?\s*\[/.test(text)) return body;
  const count = countOf(body.buffer!);
  if (count === undefined || count < 2) return body;
  const message = `The request is a list of ${count} operations; the limit is 1. Send each by itself.`;
  throw new SafeError(message, {
    statusCode: errorKinds.LIMIT_EXCEEDED.status,
    code: "LIMIT_EXCEEDED",
    details: { limit: 1, count, name: "batch" },
  });
}

function countOf(json: Buffer): number | undefined {
  try {
    return (JSON.parse(json.toString("utf8")) as unknown[]).length;
  } catch {
    return undefined;
  }
}
