const tenantKey = "tenant_id";

const withoutTenant = (names: readonly string[]): readonly string[] =>
  names.length > 1 ? names.filter((name) => name !== tenantKey) : names;

/**
 * Keeps the tenant out of what clients read and write: the key `(tenant_id, id)` is `id` to them, because row-level
 * security admits one tenant and within it the rest of every key is unique.
 */
export const TenantKeyPlugin: GraphileConfig.Plugin = {
  name: "TenantKeyPlugin",
  version: "1.0.0",
  gather: {
    hooks: {
      pgTables_unique(_info: unknown, { unique }: any) {
        unique.attributes = withoutTenant(unique.attributes);
      },
      pgRelations_relation(_info: unknown, { relation, pgConstraint }: any) {
        // Everything belongs to the one tenant of the session: neither direction of that reference says anything.
        if (pgConstraint.conkey.length > 1 || pgConstraint.getAttributes()[0].attname !== tenantKey) return;
        relation.extensions = { ...relation.extensions, tags: { ...relation.extensions?.tags, behavior: ["-*"] } };
      },
    },
  } as any,
  schema: {
    entityBehavior: {
      pgCodecAttribute: {
        override: {
          provides: ["tenantKey"],
          callback: (behavior: any, [, name]: any) => (name === tenantKey ? [behavior, "-*"] : behavior),
        },
      },
    },
  } as any,
  inflection: {
    replace: {
      _joinAttributeNames: (previous: any, _preset: unknown, codec: unknown, names: string[]) =>
        previous(codec, withoutTenant(names)),
      _getBaseNameFromKeys: (previous: any, _preset: unknown, keys: { attributeName: string }[]) =>
        previous(keys.length > 1 ? keys.filter((key) => key.attributeName !== tenantKey) : keys),
    } as any,
  },
};
