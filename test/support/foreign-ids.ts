import {
  getNamedType,
  type GraphQLArgument,
  type GraphQLInputField,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from "graphql";

/** A row of somebody else, as clients would name it. */
export interface ForeignId {
  /** Qualified name of its table. */
  readonly table: string;
  readonly typeId: string;
  readonly rowId: string;
}

/** Finds the foreign row that a field or argument of a name asks for; some other one where no table has that name. */
export function foreignFor(foreign: readonly ForeignId[], name: string): ForeignId {
  const wanted = name.replace(/(Row)?Ids?$/, "").toLowerCase();
  const singular = ({ table }: ForeignId) =>
    table
      .replace(/^.*\./, "")
      .replaceAll("_", "")
      .replace(/ies$/, "y")
      .replace(/(ss|s)$/, (end) => (end === "ss" ? end : ""));
  return (
    foreign.find((each) => singular(each) === wanted) ??
    foreign.find((each) => wanted.length > 3 && singular(each).endsWith(wanted)) ??
    foreign.find((each) => wanted.length > 3 && wanted.endsWith(singular(each))) ??
    foreign[0]!
  );
}

/** A value for an argument or input field: every id in it is a foreign one of the kind that it asks for. */
export function foreignInput(
  foreign: readonly ForeignId[],
  slot: GraphQLArgument | GraphQLInputField,
  subject: string,
  depth = 0,
): unknown {
  const type = getNamedType(slot.type);
  const isList = isListType(isNonNullType(slot.type) ? slot.type.ofType : slot.type);
  const one = (): unknown => {
    if (type.name === "ID") return foreignFor(foreign, /^ids?$/.test(slot.name) ? subject : slot.name).typeId;
    if (type.name === "UUID") return foreignFor(foreign, /^rowIds?$/.test(slot.name) ? subject : slot.name).rowId;
    if (isEnumType(type)) return type.getValues()[0]!.name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(
        (field) => isNonNullType(field.type) || /(^id|^ids|Ids?|^patch)$/.test(field.name),
      );
      if (depth > 4) return {};
      return Object.fromEntries(fields.map((field) => [field.name, foreignInput(foreign, field, subject, depth + 1)]));
    }
    return { String: "some text", Int: 1, Float: 1, Boolean: true, JSON: {} }[type.name] ?? "1";
  };
  return isList ? [one()] : one();
}
