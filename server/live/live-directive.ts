import {
  DirectiveLocation,
  getDirectiveValues,
  getOperationAST,
  GraphQLBoolean,
  GraphQLDirective,
  GraphQLInt,
  OperationTypeNode,
  type ExecutionArgs,
} from "graphql";

/** Keeps the answer to a query up to date. */
export const LiveDirective = new GraphQLDirective({
  name: "live",
  description:
    "Answers the query at once, and again whenever what it reads has changed: then with what differs only. For stored documents, over WebSocket or server-sent events.",
  locations: [DirectiveLocation.QUERY],
  args: {
    if: { type: GraphQLBoolean, defaultValue: true, description: "Whether the query is live." },
    throttle: { type: GraphQLInt, description: "The shortest time between two runs, in milliseconds." },
  },
});

/** What a live query asks for. */
export interface LiveWish {
  readonly throttleMs: number | undefined;
}

/** What the `@live` of an operation says; undefined when it is not live. Throws a GraphQLError when its values are wrong. */
export function liveWishOf({
  document,
  operationName,
  variableValues,
}: Pick<ExecutionArgs, "document" | "operationName" | "variableValues">): LiveWish | undefined {
  const operation = getOperationAST(document, operationName);
  if (operation?.operation !== OperationTypeNode.QUERY || !operation.directives?.length) return undefined;
  const values = getDirectiveValues(LiveDirective, operation, withDefaults(operation, variableValues));
  if (values === undefined || values["if"] === false) return undefined;
  return { throttleMs: (values["throttle"] as number | null | undefined) ?? undefined };
}

/** The values of variables as they were sent, with the defaults of those that were not. */
function withDefaults(
  operation: NonNullable<ReturnType<typeof getOperationAST>>,
  sent: ExecutionArgs["variableValues"],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
    if (defaultValue?.kind === "IntValue") values[variable.name.value] = Number(defaultValue.value);
    if (defaultValue?.kind === "BooleanValue") values[variable.name.value] = defaultValue.value;
  }
  return { ...values, ...sent };
}
