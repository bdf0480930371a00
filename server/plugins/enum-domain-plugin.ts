import { enumCodec } from "postgraphile/@dataplan/pg";
import { sql } from "postgraphile/pg-sql2";

/**
 * Shows a text domain as a GraphQL enum when its comment says `@enum draft,active`. In SQL a value stays plain text:
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
        const { enum: values, ...rest } = tags;
        event.pgCodec = enumCodec({
          name: info.inflection.typeCodecName({ pgType, serviceName }),
          identifier: sql`text`,
          values: values.split(",").map((value: string) => value.trim()),
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
