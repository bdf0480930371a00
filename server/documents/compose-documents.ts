import {
  Kind,
  parse,
  print,
  specifiedRules,
  validate,
  visit,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from "graphql";
import { limitRule, type OperationLimits } from "../limits/operation-limits.ts";
import { hashDocument, type DocumentSource } from "./read-documents.ts";

/** What was made of a client's sources. */
export interface ComposedDocuments {
  /** Text by hash, as the client is to know it. */
  readonly manifest: Readonly<Record<string, string>>;
  /** What is wrong, each with its file; then nothing of it should be stored. */
  readonly problems: readonly string[];
}

/** Makes a document of each operation with the fragments that it needs, and checks it as the server would. */
export function composeDocuments(
  sources: readonly DocumentSource[],
  schema: GraphQLSchema,
  limits: OperationLimits,
): ComposedDocuments {
  const problems: string[] = [];
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operations: { readonly file: string; readonly operation: OperationDefinitionNode }[] = [];
  const manifest: Record<string, string> = {};

  const add = (file: string, text: string) => {
    // The rule of the limits empties a document that it refuses.
    const errors = validate(schema, parse(text), [limitRule(limits), ...specifiedRules]);
    problems.push(...errors.map(({ message }) => `${file}: ${message}`));
    manifest[hashDocument(text)] = text;
  };

  for (const { file, text, hash } of sources) {
    let document: DocumentNode;
    try {
      document = parse(text);
    } catch (error) {
      problems.push(`${file}: ${(error as Error).message}`);
      continue;
    }
    if (hash !== undefined) {
      add(file, text);
      continue;
    }
    for (const definition of document.definitions) {
      if (definition.kind === Kind.OPERATION_DEFINITION) operations.push({ file, operation: definition });
      else if (definition.kind !== Kind.FRAGMENT_DEFINITION)
        problems.push(`${file}: ${definition.kind} is nothing to run.`);
      else if (isOther(fragments.get(definition.name.value), definition))
        problems.push(`${file}: there is another fragment ${definition.name.value}. Names of fragments are unique.`);
      else fragments.set(definition.name.value, definition);
    }
  }
  for (const { file, operation } of operations) add(file, print(withFragments(operation, fragments)));
  return { manifest, problems };
}

function isOther(known: FragmentDefinitionNode | undefined, fragment: FragmentDefinitionNode): boolean {
  return known !== undefined && print(known) !== print(fragment);
}

function withFragments(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): DocumentNode {
  const needed = new Set<FragmentDefinitionNode>();
  const collect = (node: OperationDefinitionNode | FragmentDefinitionNode) => {
    visit(node, {
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value);
        if (fragment === undefined || needed.has(fragment)) return;
        needed.add(fragment);
        collect(fragment);
      },
    });
  };
  collect(operation);
  return { kind: Kind.DOCUMENT, definitions: [operation, ...needed] };
}
