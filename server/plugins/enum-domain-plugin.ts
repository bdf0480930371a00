import { enumCodec } from "postgraphile/@dataplan/pg";
import { sql } from "postgraphile/pg-sql2";

/** What each value means, from lines such as `@value draft Nobody has seen it.` in the domain's comment. */
function descriptions(lines: readonly string[]): Map<string, string> {
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]));
}

/**
 * Shows a text domain as a GraphQL enum when its comment says `@enum draft,active`, with what each value means. In SQL a value stays plain text:
 * a cast to the domain is not leakproof, and the index behind the column would not serve under row-level security.
 */
export const EnumDomainPlugin: GraphileConfig.Plugin = {
  name: "EnumDomainPlugin",
  version: "1.0.0",
  before: ["PgCodecsPlugin"],
  gather: {
    hooks: {
      pgCodecs_findPgCodec(info: any, event: any) {
        const { pgType, serviceName } = event;
        if (event.pgCodec || pgType.typtype !== "d") return;
        const { tags, description } = pgType.getTagsAndDescription();
        if (typeof tags.enum !== "string") return;
        const { enum: values, value: meanings, ...rest } = tags;
        const described = descriptions([meanings ?? []].flat());
        event.pgCodec = enumCodec({
          name: info.inflection.typeCodecName({ pgType, serviceName }),
          identifier: sql`text`,
          values: values.split(",").map((each: string) => {
            const value = each.trim();
            return { name: value, value, description: described.get(value) };
          }),
          description,
          extensions: { tags: rest },
        } as any);
      },
    },
  } as any,
  inflection: {
    replace: {
      enumValue(this: any, previous: any, _preset: unknown, value: string, codec: unknown) {
        return this.constantCase(previous(value, codec));
      },
    } as any,
  },
};
