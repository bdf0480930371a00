/** What columns of every table mean; a comment of the column's own wins. */
const fieldDescriptions: Readonly<Record<string, string>> = {
  createdAt: "When it was created.",
  updatedAt: "When it was last changed.",
  deletedAt: "When it was deleted; null while it is not.",
  startedAt: "When it began.",
  finishedAt: "When it ended.",
  completedAt: "When it was complete.",
  cancelledAt: "When it was cancelled.",
  id: "Its id; the same in every query.",
};

/** What the kinds of types that aggregates come in are, by the end of their names. */
const typeDescriptions: readonly (readonly [RegExp, string])[] = [
  [/DistinctCountAggregates$/, "How many different values each field has."],
  [/SumAggregates$/, "The sum of each field."],
  [/MinAggregates$/, "The least value of each field."],
  [/MaxAggregates$/, "The greatest value of each field."],
  [/AverageAggregates$/, "The mean of each field."],
  [
    /Aggregates$/,
    "Aggregates over all rows that the connection selects, or over one group of them, whatever the page.",
  ],
];

/** Describes what is the same for every table, so that no type and few fields are left to guesses. */
export const DescriptionsPlugin: GraphileConfig.Plugin = {
  name: "DescriptionsPlugin",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLObjectType(type: any) {
        const description = typeDescriptions.find(([pattern]) => pattern.test(type.name))?.[1];
        return type.description || !description ? type : { ...type, description };
      },
      GraphQLObjectType_fields_field: describeField,
      GraphQLInputObjectType_fields_field: describeField,
      GraphQLObjectType_fields_field_args_arg(argument: any, _build: unknown, { scope }: any) {
        if (scope.argName === "input") return { ...argument, description: "What to do it with." };
        if (argument.description || !scope.isPgRowByUniqueConstraintField) return argument;
        const description = { id: "Its id.", rowId: "The uuid behind its id." }[scope.argName as string];
        return description ? { ...argument, description } : argument;
      },
    },
  } as any,
};

function describeField(field: any, _build: unknown, { scope, Self }: any): any {
  if (scope.isPgSingleRelationField) return { ...field, description: relationDescription(scope) ?? field.description };
  if (scope.fieldName === "keys" && Self.name.endsWith("Aggregates")) {
    return {
      ...field,
      description:
        "The values that the rows of the group share, in the order of `groupBy`: names of enum values, ids, times at which spans begin.",
    };
  }
  if (field.description && scope.fieldName !== "id") return field;
  const description = fieldDescriptions[scope.fieldName] ?? referenceDescription(scope);
  return description ? { ...field, description } : field;
}

/** The comment of the column that holds the reference speaks of the object; its own field shows the object's id. */
function relationDescription({ pgRelationDetails }: any): string | undefined {
  if (!pgRelationDetails) return undefined;
  const { registry, codec, relationName } = pgRelationDetails;
  const { localAttributes, isReferencee } = registry.pgRelations[codec.name][relationName];
  return isReferencee ? undefined : codec.attributes[localAttributes.at(-1)].description;
}

function referenceDescription({ fieldName, pgFieldAttribute }: any): string | undefined {
  const target = /^(.+)Id$/.exec(fieldName ?? "")?.[1];
  return target && pgFieldAttribute ? `Id of \`${target}\`.` : undefined;
}
