import {
  getNamedType,
  isCompositeType,
  isListType,
  isObjectType,
  isInterfaceType,
  getNullableType,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from "graphql";

/** What an operation asks for, counted as if every fragment stood in its place. */
export interface OperationCounts {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly selections: number;
  readonly rootFields: number;
  /** Fields times the rows they may return. */
  readonly cost: number;
  /** A page size is a variable without a value yet; it was counted as the default. */
  readonly dependsOnVariables: boolean;
}

/** How many rows a connection counts for. */
export interface CountedPages {
  /** When its page size is not said. */
  readonly default: number;
  /** When it asks for more; that is refused when it runs. */
  readonly max: number;
}

/** Counts of a selection set; `perRow` is what each row of the connection around it costs. */
interface Counts {
  depth: number;
  aliases: number;
  directives: number;
  selections: number;
  cost: number;
  perRow: number;
}

const rowFields = new Set(["nodes", "edges"]);

/**
 * Counts an operation in time linear in the document: a fragment is counted once per type, however often it is spread.
 * Introspection counts for selections and aliases, not for depth and cost.
 */
export function countOperations(
  schema: GraphQLSchema,
  document: DocumentNode,
  pages: CountedPages,
  variables?: Readonly<Record<string, unknown>>,
): OperationCounts[] {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  return document.definitions.flatMap((definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return [];
    const defaults = new Map(
      definition.variableDefinitions?.map((each) => [each.variable.name.value, each.defaultValue]),
    );
    const memo = new Map<FragmentDefinitionNode, Counts>();
    let dependsOnVariables = false;

    const sizeOf = (value: ValueNode | undefined): number | undefined => {
      if (value?.kind === Kind.INT) return Number(value.value);
      if (value?.kind !== Kind.VARIABLE) return undefined;
      const given = variables?.[value.name.value];
      if (typeof given === "number") return given;
      dependsOnVariables = true;
      return sizeOf(defaults.get(value.name.value));
    };

    const countFragment = (fragment: FragmentDefinitionNode): Counts => {
      const known = memo.get(fragment);
      if (known) return known;
      // A fragment within itself is another rule's business; here it must only come to an end.
      memo.set(fragment, nothing());
      const type = schema.getType(fragment.typeCondition.name.value);
      const counts = countSet(fragment.selectionSet, isCompositeType(type) ? type : undefined);
      memo.set(fragment, counts);
      return counts;
    };

    const countField = (field: FieldNode, parent: GraphQLCompositeType | undefined, into: Counts): void => {
      const name = field.name.value;
      const definitionOfField = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
      const type = definitionOfField && getNamedType(definitionOfField.type);
      const inner = field.selectionSet
        ? countSet(field.selectionSet, isCompositeType(type) ? type : undefined)
        : nothing();
      into.selections += 1 + inner.selections;
      into.aliases += (field.alias ? 1 : 0) + inner.aliases;
      into.directives += inner.directives;
      if (name.startsWith("__")) return;
      into.depth = Math.max(into.depth, 1 + inner.depth);
      const isConnection = definitionOfField?.args.some((each) => each.name === "first") ?? false;
      const argument = (wanted: string) => sizeOf(field.arguments?.find((each) => each.name.value === wanted)?.value);
      const isPlainList = definitionOfField !== undefined && isListType(getNullableType(definitionOfField.type));
      const asked = isConnection ? (argument("first") ?? argument("last") ?? pages.default) : pages.default;
      const rows = Math.min(Math.max(asked, 1), pages.max);
      if (/(Connection|Page)$/.test(parent?.name ?? "") && rowFields.has(name))
        into.perRow += 1 + inner.cost + inner.perRow;
      else if (isConnection) into.cost += 1 + inner.cost + rows * inner.perRow;
      else into.cost += 1 + (isPlainList ? rows : 1) * (inner.cost + inner.perRow);
    };

    const countSet = ({ selections }: SelectionSetNode, parent: GraphQLCompositeType | undefined): Counts => {
      const counts = nothing();
      for (const selection of selections) {
        counts.directives += selection.directives?.length ?? 0;
        if (selection.kind === Kind.FIELD) {
          countField(selection, parent, counts);
          continue;
        }
        if (selection.kind === Kind.INLINE_FRAGMENT) {
          const type = selection.typeCondition && schema.getType(selection.typeCondition.name.value);
          add(counts, countSet(selection.selectionSet, isCompositeType(type) ? type : parent));
          continue;
        }
        const fragment = fragments.get(selection.name.value);
        if (fragment) add(counts, countFragment(fragment));
      }
      return counts;
    };

    const root = schema.getRootType(definition.operation) ?? undefined;
    const { depth, aliases, selections, cost, perRow, ...counts } = countSet(definition.selectionSet, root);
    const directives = counts.directives + directivesAround(definition, fragments);
    const rootFields = countRootFields(definition.selectionSet, fragments);
    return [{ depth, aliases, directives, selections, rootFields, cost: cost + perRow, dependsOnVariables }];
  });
}

function countRootFields(
  set: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  memo = new Map<string, number>(),
): number {
  let count = 0;
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) count++;
    else if (selection.kind === Kind.INLINE_FRAGMENT) count += countRootFields(selection.selectionSet, fragments, memo);
    else {
      const name = selection.name.value;
      const fragment = fragments.get(name);
      if (!memo.has(name)) {
        memo.set(name, 0);
        if (fragment) memo.set(name, countRootFields(fragment.selectionSet, fragments, memo));
      }
      count += memo.get(name)!;
    }
  }
  return count;
}

/** Directives of the operation itself, of its variables and of the definitions of fragments. */
function directivesAround(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): number {
  return [operation, ...(operation.variableDefinitions ?? []), ...fragments.values()].reduce(
    (sum, { directives = [] }) => sum + directives.length,
    0,
  );
}

function nothing(): Counts {
  return { depth: 0, aliases: 0, directives: 0, selections: 0, cost: 0, perRow: 0 };
}

function add(into: Counts, counts: Counts): void {
  into.depth = Math.max(into.depth, counts.depth);
  into.aliases += counts.aliases;
  into.directives += counts.directives;
  into.selections += counts.selections;
  into.cost += counts.cost;
  into.perRow += counts.perRow;
}
