import { getOperationAST, OperationTypeNode, type ExecutionArgs } from "graphql";
import type { OperationKind } from "../limits/admission.ts";
import { LiveDirective } from "../live/live-directive.ts";

/** Whether an operation stays, and takes a tenant's place among its subscriptions. */
export function kindOf({ document, operationName }: Pick<ExecutionArgs, "document" | "operationName">): OperationKind {
  const operation = getOperationAST(document, operationName);
  const stays =
    operation?.operation === OperationTypeNode.SUBSCRIPTION ||
    operation?.directives?.some(({ name }) => name.value === LiveDirective.name);
  return stays ? "subscriptions" : "operations";
}
