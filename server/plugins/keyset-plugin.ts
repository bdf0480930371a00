import { constant, lambda } from "postgraphile/grafast";
import { TYPES } from "postgraphile/@dataplan/pg";
import { sql } from "postgraphile/pg-sql2";
import { typeIdPrefix } from "./type-id-plugin.ts";

/** What is known of the order of a query (or of its step) that is being built. */
interface Order {
  readonly direction: "ASC" | "DESC";
  endsWithId: boolean;
}

const ordersByQuery = new WeakMap<object, Order>();

/**
 * Makes pages deep in a list as quick as the first one: each order is made unique by `id`, in its own direction, and
 * says that it has no nulls where it has none. The condition of a cursor is then a comparison of rows, which an index
 * serves; otherwise it is a filter over everything before the page.
 */
export const KeysetPlugin: GraphileConfig.Plugin = {
  name: "KeysetPlugin",
  version: "1.0.0",
  after: ["PgOrderAllAttributesPlugin", "PgConnectionArgOrderByPlugin"],
  schema: {
    hooks: {
      GraphQLEnumType_values_value(value: any, _build: unknown, { scope }: any) {
        const grafast = value.extensions?.grafast;
        if (!scope.isPgRowSortEnum || !grafast?.apply) return value;
        const apply = withExactOrders(grafast.apply, scope.pgCodec);
        return { ...value, extensions: { ...value.extensions, grafast: { ...grafast, apply } } };
      },
      GraphQLObjectType_fields_field_args(args: any, build: any, { scope }: any) {
        const codec = scope.pgFieldResource?.codec;
        if (!scope.isPgFieldConnection || !args.orderBy || !typeIdPrefix(codec?.attributes?.id?.codec)) return args;
        const { applyPlan } = args.orderBy;
        const enumType = build.graphql.getNamedType(args.orderBy.type);
        args.orderBy = {
          ...args.orderBy,
          description: `The order of the rows; \`id\`, which is the order of creation, decides between equals.`,
          defaultValue: [enumType.getValue("ID_ASC")?.value].filter((value) => value !== undefined),
          applyPlan(parent: unknown, $connection: any, arg: any) {
            applyPlan(parent, $connection, arg);
            const $select = $connection.getSubplan();
            // Orders that stand in the document were applied to the step at once, those in variables will be to the query.
            if (ordersByQuery.has($select)) endWithId($select);
            else $select.apply(lambda(constant(null), () => endWithId, true));
          },
        };
        return args;
      },
    },
  } as any,
};

/** Lets an enum value order by exactly what the column is: its nullability, and the uuid behind a TypeID. */
function withExactOrders(apply: (query: any) => void, codec: any): (query: any) => void {
  return (query) => {
    apply(
      Object.create(query, {
        orderBy: {
          value(spec: any) {
            const order = ordersByQuery.get(query) ?? { direction: spec.direction, endsWithId: false };
            ordersByQuery.set(query, order);
            // Rows are told apart by id: what is said after it changes nothing.
            if (order.endsWithId) return;
            const attribute = codec.attributes[spec.attribute];
            if (!attribute) return query.orderBy(spec);
            query.orderBy({
              fragment: sql`${query.alias}.${sql.identifier(spec.attribute)}`,
              codec: typeIdPrefix(attribute.codec) ? TYPES.uuid : attribute.codec,
              nullable: !attribute.notNull,
              direction: spec.direction,
              ...(spec.nulls && { nulls: spec.nulls }),
            });
            order.endsWithId = spec.attribute === "id";
          },
        },
      }),
    );
  };
}

function endWithId(query: any): void {
  const order = ordersByQuery.get(query);
  query.setOrderIsUnique();
  if (order?.endsWithId) return;
  query.orderBy({
    fragment: sql`${query.alias}.${sql.identifier("id")}`,
    codec: TYPES.uuid,
    nullable: false,
    direction: order?.direction ?? "ASC",
  });
}
