import { getOperationAST, OperationTypeNode, type ExecutionArgs } from "graphql";
import type { OperationKind } from "../limits/admission.ts";

/** Whether an operation stays, and takes a tenant's place among its subscriptions. */
export function kindOf({ document, operationName }: Pick<ExecutionArgs, "document" | "operationName">): OperationKind {
  const operation = getOperationAST(document, operationName);
  return operation?.operation === OperationTypeNode.SUBSCRIPTION ? "subscriptions" : "operations";
}
