import { NoSchemaIntrospectionCustomRule } from "graphql";
import { checkWithVariables, limitRule, type OperationLimits } from "../limits/operation-limits.ts";

/** Refuses operations that ask for too much, before they are planned, over HTTP and WebSocket. */
export function limitsPlugin(
  limits: OperationLimits,
  options: { readonly introspection: boolean },
): GraphileConfig.Plugin {
  return {
    name: "LimitsPlugin",
    version: "1.0.0",
    grafserv: {
      middleware: {
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

  function refuse(next: any, { args }: any): unknown {
    const exceeded = checkWithVariables(args.schema, args.document, limits, args.variableValues ?? {});
    return exceeded ? { errors: [exceeded] } : next();
  }
}
