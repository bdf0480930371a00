import { constant, lambda } from "postgraphile/grafast";
import { RowhouseError } from "../../lib/errors.ts";

/** How long pages are, in rows. */
export interface PageSizes {
  /** When neither first nor last is given. */
  readonly default: number;
  readonly max: number;
}

const offsetMax = 10_000;

/** Bounds every connection: a missing page size is the documented default, one beyond the limit is refused, never cut. */
export function pageSizePlugin(sizes: PageSizes): GraphileConfig.Plugin {
  const effectiveFirst = ([first, last]: readonly unknown[]) =>
    checkSize("first", first) ?? (last == null ? sizes.default : null);
  const effectiveLast = (last: unknown) => checkSize("last", last);

  function checkSize(name: string, size: unknown): number | null {
    if (size == null) return null;
    if ((size as number) < 0) throw negative(name, size as number);
    if ((size as number) <= sizes.max) return size as number;
    const message = `${name} is ${size as number}, and a page may have at most ${sizes.max} rows. Ask for less, and go on from pageInfo.endCursor.`;
    throw new RowhouseError("LIMIT_EXCEEDED", message, {
      field: name,
      details: { limit: sizes.max, count: size, name: "pageSize" },
    });
  }

  return {
    name: "PageSizePlugin",
    version: "1.0.0",
    after: ["PgFirstLastBeforeAfterArgsPlugin"],
    schema: {
      hooks: {
        GraphQLObjectType_fields_field_args(args: any, _build: unknown, { scope }: any) {
          if (!scope.isPgFieldConnection || !args.first) return args;
          const { first, last, offset, ...rest } = args;
          return {
            first: {
              ...first,
              description: `The first rows, at most ${sizes.max}; ${sizes.default} when neither \`first\` nor \`last\` is given.`,
              applyPlan: undefined,
            },
            ...(last && {
              last: { ...last, description: `The last rows, at most ${sizes.max}.`, applyPlan: undefined },
            }),
            offset: {
              ...offset,
              description: `Rows to skip, at most ${offsetMax}; not with \`last\`. Beyond that, and for speed, use \`after\`.`,
              applyPlan: (_parent: unknown, $connection: any, arg: any) =>
                $connection.setOffset(lambda(arg.getRaw(), checkOffset, true)),
            },
            ...rest,
          };
        },
        GraphQLObjectType_fields_field(field: any, _build: unknown, { scope }: any) {
          if (!scope.isPgFieldConnection || !field.plan) return field;
          const plan = field.plan;
          return {
            ...field,
            plan($parent: any, args: any, info: any) {
              const $connection = plan($parent, args, info);
              // A function that returns rows is read from its beginning only.
              const $sent = args.getRaw("last");
              const $last = $sent ?? constant(null);
              $connection.setFirst(lambda([args.getRaw("first"), $last], effectiveFirst as any, true));
              if ($sent) $connection.setLast(lambda($last, effectiveLast, true));
              // Saying how long the page is does not mean that its rows are wanted: totalCount alone needs none.
              $connection.neededCollection = false;
              return $connection;
            },
          };
        },
      },
    } as any,
  };
}

function checkOffset(offset: unknown): number | null {
  if (offset == null) return null;
  if ((offset as number) < 0) throw negative("offset", offset as number);
  if ((offset as number) <= offsetMax) return offset as number;
  const message = `offset is ${offset as number}, and may be at most ${offsetMax}. Use after with a cursor to read on from there.`;
  throw new RowhouseError("LIMIT_EXCEEDED", message, {
    field: "offset",
    details: { limit: offsetMax, count: offset, name: "offset" },
  });
}

function negative(field: string, value: number): RowhouseError {
  return new RowhouseError("VALIDATION_FAILED", `${field} is ${value}, and must not be negative.`, { field });
}
