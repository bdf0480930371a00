import { writableTables, type UniqueKey, type WritableTable } from "./writable-tables.ts";

/** Rows that are created together with a row they belong to: `steps` of an enrichment plan, `tags` of a contact. */
export interface NestedTable {
  /** Field of the parent's input, and of its type. */
  readonly fieldName: string;
  readonly inputTypeName: string;
  /** Where the rows go; for links the junction. */
  readonly table: WritableTable;
  /** The field that names the parent; left out of the input. */
  readonly parentField: string;
  /** The child's reference is unique: there is one row, not a list. */
  readonly isSingle: boolean;
  readonly link?: NestedLink | undefined;
}

/** Rows on the other side of a junction: those that are there are linked, the others created first. */
export interface NestedLink {
  readonly table: WritableTable;
  /** The junction's field that names such a row. */
  readonly field: string;
  /** The one column, besides the id, by which a row that is there already is found, and its field. */
  readonly key: { readonly unique: UniqueKey; readonly field: string } | undefined;
}

const nestedByBuild = new WeakMap<object, Map<unknown, readonly NestedTable[]>>();

/** What can be created together with a row of a table: the tables whose reference to it is tagged `@nestedCreate`. */
export function nestedTables(build: any, table: WritableTable): readonly NestedTable[] {
  let known = nestedByBuild.get(build);
  if (!known) nestedByBuild.set(build, (known = new Map()));
  let nested = known.get(table.resource);
  if (!nested) {
    nested = Object.entries<any>(table.resource.getRelations()).flatMap(([name, relation]) =>
      relation.isReferencee && relation.extensions?.tags?.nestedCreate ? [describe(build, table, name, relation)] : [],
    );
    known.set(table.resource, nested);
  }
  return nested;
}

function describe(build: any, parent: WritableTable, relationName: string, relation: any): NestedTable {
  const child = tableOf(build, relation.remoteResource);
  const parentField = fieldOf(child, relation.remoteAttributes.at(-1));
  const isLink = relation.extensions.tags.nestedCreate === "link";
  const right = isLink ? rightRelation(build, parent, relationName, child) : undefined;
  const details = { registry: parent.resource.registry, codec: parent.resource.codec, relationName };
  const fieldName: string = right
    ? build.inflection.manyToManyRelationConnectionField(right)
    : relation.isUnique
      ? build.inflection.singleRelationBackwards(details)
      : build.inflection.manyRelationConnection(details);
  const singular = relation.isUnique ? fieldName : build.inflection.singularize(fieldName);
  return {
    fieldName,
    inputTypeName: build.inflection.upperCamelCase(`${parent.typeName}-${singular}-nested-input`),
    table: child,
    parentField,
    isSingle: relation.isUnique,
    link: right && linkTo(build, child, right),
  };
}

function rightRelation(build: any, parent: WritableTable, leftRelationName: string, junction: WritableTable): any {
  const relationship = build.pgManyToManyRealtionshipsByResource
    .get(parent.resource)
    ?.find((each: any) => each.leftRelationName === leftRelationName);
  if (relationship) return relationship;
  const message = `@nestedCreate link needs @behavior +manyToMany on both references of ${junction.resource.name}.`;
  throw new Error(message);
}

function linkTo(build: any, junction: WritableTable, relationship: any): NestedLink {
  const table = tableOf(build, relationship.rightTable);
  const relation = junction.resource.getRelation(relationship.rightRelationName);
  const unique = table.keys.find(({ columns }) => columns.length === 2 && columns[0] === "tenant_id");
  const field = [...table.columns].find(([, column]) => column.canInsert && column.attribute === unique?.columns[1]);
  return {
    table,
    field: fieldOf(junction, relation.localAttributes.at(-1)),
    key: unique && field && { unique, field: field[0] },
  };
}

function tableOf(build: any, resource: any): WritableTable {
  const table = writableTables(build).find((each) => each.resource === resource);
  if (!table) throw new Error(`@nestedCreate: the API writes no rows of ${resource.name}.`);
  return table;
}

function fieldOf(table: WritableTable, attribute: string): string {
  const found = [...table.columns].find(([, column]) => column.attribute === attribute && column.canInsert);
  if (!found) throw new Error(`@nestedCreate: nobody may insert ${attribute} of ${table.resource.name}.`);
  return found[0];
}
