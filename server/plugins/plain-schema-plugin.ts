const orderOperators = ["lessThan", "lessThanOrEqualTo", "greaterThan", "greaterThanOrEqualTo"];
const aggregates = ["sum", "distinctCount", "min", "max", "average"];

/**
 * Leaves out what clients do not need: mutation ids, the way back to Query from a payload, statistics nobody asked for,
 * many-to-many short cuts that were not asked for by `@behavior +manyToMany`; and says where null cannot occur.
 */
export const PlainSchemaPlugin: GraphileConfig.Plugin = {
  name: "PlainSchemaPlugin",
  version: "1.0.0",
  after: ["aggregates", "PgCustomTypeFieldPlugin", "MutationPayloadQueryPlugin", "PgManyToManyRelationPlugin"],
  schema: {
    entityBehavior: {
      pgResourceUnique: {
        override: {
          provides: ["plainSchema"],
          // A look-up by several values is a filter.
          callback: (behavior: any, [, unique]: any) =>
            unique.attributes.length > 1 ? [behavior, "-single"] : behavior,
        },
      },
      pgCodecRelation: {
        inferred: {
          provides: ["plainSchema"],
          before: ["default"],
          callback: (behavior: any) => ["-manyToMany", behavior],
        },
        override: {
          provides: ["plainSchema"],
          callback: (behavior: any, relation: any) =>
            isMakerOfLink(relation) ? [behavior, "-manyRelation:resource:connection"] : behavior,
        },
      },
    },
    hooks: {
      build(build: any) {
        build.pgAggregateSpecs = build.pgAggregateSpecs.filter((spec: any) => aggregates.includes(spec.id));
        return build;
      },
      GraphQLInputObjectType_fields: {
        after: ["default"],
        callback(fields: any, _build: unknown, { scope }: any) {
          // A closed list of values has no order that means something.
          if (scope.pgConnectionFilterOperators?.pgCodecs[0]?.values) return without(fields, ...orderOperators);
          return scope.isMutationInput ? without(fields, "clientMutationId") : fields;
        },
      },
      GraphQLObjectType_fields: {
        after: ["default"],
        callback: (fields: any, _build: unknown, { scope }: any) =>
          scope.isMutationPayload ? without(fields, "clientMutationId", "query") : fields,
      },
      GraphQLObjectType_fields_field(field: any, build: any, { scope, Self }: any) {
        const { GraphQLNonNull, GraphQLList, getNullableType, isListType, isNonNullType } = build.graphql;
        // A row that cannot be seen is not in the list; so no list of rows has a gap, and every row has a place.
        if (/.Edge$/.test(Self.name) && ["node", "cursor"].includes(scope.fieldName)) {
          return isNonNullType(field.type) ? field : { ...field, type: new GraphQLNonNull(field.type) };
        }
        const list = getNullableType(field.type);
        if (!["nodes", "edges"].includes(scope.fieldName) || !isListType(list) || isNonNullType(list.ofType))
          return field;
        return { ...field, type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(list.ofType))) };
      },
      GraphQLEnumType_values: (values: any, _build: unknown, { scope }: any) =>
        scope.isPgRowSortEnum ? without(values, "NATURAL") : values,
    },
  } as any,
};

/** Whether a relation leads from an actor to the links that they made: nobody looks there. */
function isMakerOfLink({ isReferencee, remoteResource, remoteAttributes }: any): boolean {
  const isHalfOfLink = (each: any) =>
    !each.isReferencee && [each.extensions?.tags?.behavior].flat().some((tag) => String(tag).includes("+manyToMany"));
  return isReferencee && /_by$/.test(remoteAttributes.at(-1)) && relationsOf(remoteResource).some(isHalfOfLink);
}

const relationsOf = (resource: any): any[] => Object.values(resource.getRelations());

function without(object: Record<string, unknown>, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}
