import { GraphQLError, type ASTVisitor, type DocumentNode, type GraphQLSchema, type ValidationContext } from "graphql";
import { countOperations, type CountedPages, type OperationCounts } from "./count-document.ts";

/** The most that one GraphQL operation may ask for. */
export interface OperationLimits {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly selections: number;
  readonly rootFields: number;
  readonly cost: number;
  readonly pages: CountedPages;
}

const phrases = {
  selections: "selects %n fields once its fragments are expanded",
  depth: "nests %n levels deep",
  aliases: "has %n aliases once its fragments are expanded",
  directives: "has %n directives once its fragments are expanded",
  rootFields: "has %n fields at its root",
  cost: "has a cost of %n, which is its fields times the rows they may return",
} as const;

/** The first limit that an operation exceeds, with what it counted; undefined when it keeps to all. */
export function exceededLimit(counts: OperationCounts, limits: OperationLimits): GraphQLError | undefined {
  for (const name of Object.keys(phrases) as (keyof typeof phrases)[]) {
    const count = counts[name];
    const limit = limits[name];
    if (count <= limit) continue;
    const message = `The operation ${phrases[name].replace("%n", String(count))}; the limit is ${limit}. Ask for less at a time.`;
    return new GraphQLError(message, { extensions: { code: "LIMIT_EXCEEDED", details: { limit, count, name } } });
  }
  return undefined;
}

/** A validation rule that refuses what exceeds the limits, before any other rule looks at it. */
export function limitRule(limits: OperationLimits): (context: ValidationContext) => ASTVisitor {
  return (context) => ({
    Document: {
      enter(document) {
        const exceeded = firstExceeded(context.getSchema(), document, limits);
        if (!exceeded) return;
        context.reportError(exceeded);
        // What is refused is not looked at any further: some rules take time that grows with its square.
        (document.definitions as unknown[]).length = 0;
      },
    },
  });
}

/** Checks a document again with the values of its variables, where page sizes depend on them. */
export function checkWithVariables(
  schema: GraphQLSchema,
  document: DocumentNode,
  limits: OperationLimits,
  variables: Readonly<Record<string, unknown>>,
): GraphQLError | undefined {
  let isNeeded = needsVariables.get(document);
  if (isNeeded === undefined) {
    isNeeded = countOperations(schema, document, limits.pages).some((each) => each.dependsOnVariables);
    needsVariables.set(document, isNeeded);
  }
  return isNeeded ? firstExceeded(schema, document, limits, variables) : undefined;
}

const needsVariables = new WeakMap<DocumentNode, boolean>();

function firstExceeded(
  schema: GraphQLSchema,
  document: DocumentNode,
  limits: OperationLimits,
  variables?: Readonly<Record<string, unknown>>,
): GraphQLError | undefined {
  for (const counts of countOperations(schema, document, limits.pages, variables)) {
    const exceeded = exceededLimit(counts, limits);
    if (exceeded) return exceeded;
  }
  return undefined;
}
