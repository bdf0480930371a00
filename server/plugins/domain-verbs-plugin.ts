/**
 * Verbs of the domain: each volatile SQL function that a role may execute is a mutation. Its uuid arguments are TypeIDs
 * (see TypeIdPlugin), those without a default are required, and the row it returns is named after its type. A new verb
 * is a new `<verb_noun>.sql`, and nothing here.
 */
export const DomainVerbsPreset: GraphileConfig.Preset = {
  gather: { pgStrictFunctions: true },
  plugins: [
    {
      name: "DomainVerbsPlugin",
      version: "1.0.0",
      inflection: {
        replace: {
          functionMutationResultFieldName(
            this: any,
            _previous: unknown,
            _preset: unknown,
            { resource, returnGraphQLTypeName }: any,
          ) {
            return resource.extensions?.tags?.resultFieldName ?? this.camelCase(returnGraphQLTypeName);
          },
        } as any,
      },
    },
  ],
};
