import type { Config } from "../../lib/config.ts";
import type { OperationLimits } from "./operation-limits.ts";

/** Rows of a page when a query does not say how many. */
export const pageSizeDefault = 50;

/** Fields at the root of an operation at most; each is a query or a transaction of its own. */
const rootFieldsMax = 30;

/** What one operation may ask for, by the settings. */
export function operationLimits(config: Config): OperationLimits {
  return {
    depth: config.queryDepthMax,
    aliases: config.queryAliasesMax,
    directives: config.queryDirectivesMax,
    selections: config.querySelectionsMax,
    rootFields: rootFieldsMax,
    cost: config.queryCostMax,
    pages: { default: pageSizeDefault, max: config.pageSizeMax },
  };
}
