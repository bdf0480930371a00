import { TYPES } from "postgraphile/@dataplan/pg";
import { indexPredicate, isOfLiving } from "./index-predicate.ts";

/**
 * Decides which columns can be filtered and ordered by: those an index serves. Beyond whole indexes, one over the living
 * rows (`where deleted_at is null`) serves both, one over the rows that have a value (`where email is not null`) serves
 * filters. A GIN index over JSON serves neither: its operators are not leakproof.
 */
export const IndexedColumnsPlugin: GraphileConfig.Plugin = {
  name: "IndexedColumnsPlugin",
  version: "1.0.0",
  after: ["PgIndexBehaviorsPlugin"],
  gather: {
    hooks: {
      pgCodecs_attribute(_info: unknown, { attribute, pgAttribute, pgClass }: any) {
        if (attribute.extensions?.isIndexed !== false) return;
        for (const index of pgClass.getIndexes()) {
          if (!index.getKeys().some((key: any) => key?.attname === pgAttribute.attname)) continue;
          if (isOfLiving(pgClass, index)) attribute.extensions.isIndexed = true;
          const predicate = indexPredicate(pgClass, index);
          if (predicate?.column === pgAttribute.attname && !predicate?.isNull) attribute.extensions.isFilterable = true;
        }
      },
    },
  } as any,
  schema: {
    entityBehavior: {
      pgCodecAttribute: {
        inferred: {
          after: ["postInferred"],
          provides: ["indexedColumns"],
          callback(behavior: any, [codec, name]: any) {
            const { codec: type, extensions } = codec.attributes[name];
            if (type === TYPES.jsonb || type === TYPES.json) return [behavior, "-filterBy", "-orderBy"];
            if (extensions?.isFilterable) return [behavior, "filterBy"];
            // The library orders by no enum; ours are text, and indexed like text.
            return type.values && extensions?.isIndexed !== false ? [behavior, "attribute:orderBy"] : behavior;
          },
        },
      },
    },
  } as any,
};
