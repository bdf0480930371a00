import { RowhouseError } from "../../lib/errors.ts";
import { decodeTypeId, encodeTypeId } from "../../lib/type-id.ts";
import type { NestedLink } from "./nested-tables.ts";
import { atPath, type PlacedRow, type Queryable } from "./placed-row.ts";
import { findOrInsertStatement, type Row } from "./write-statements.ts";

/** The ids of the rows that links name: by id, or by their key, created where there is none. In the order of the links. */
export async function linkedIds(client: Queryable, link: NestedLink, rows: readonly PlacedRow[]): Promise<string[]> {
  const byKey = new Map<unknown, PlacedRow>();
  for (const placed of rows) {
    const value = keyOf(link, placed);
    if (value !== undefined && !byKey.has(value)) byKey.set(value, placed);
  }
  const ids = await findOrCreate(client, link, [...byKey.values()]);
  return rows.map(({ path, row }) => {
    if (row["id"] != null) return row["id"] as string;
    const id = ids.get(row[link.key!.field]);
    if (id !== undefined) return encodeTypeId(link.table.prefix, id);
    // Somebody deletes and creates it all the time, or the database changes what it is called.
    throw new RowhouseError("CONFLICT", `${path} was neither found nor created. Link it by its id.`, { field: path });
  });
}

/** The value by which a row is found; undefined when it is named by its id. */
function keyOf({ key, table }: NestedLink, { path, row }: PlacedRow): unknown {
  const given = [...table.columns.keys()].filter((name) => row[name] != null);
  if (row["id"] != null) {
    try {
      decodeTypeId(table.prefix, row["id"]);
    } catch (error) {
      throw atPath(`${path}.id`, error);
    }
    if (given.length === 0) return undefined;
    const message = `${path} has an id and ${given[0]}. Give the id of a row that is there, or what a new one is to have.`;
    throw new RowhouseError("VALIDATION_FAILED", message, { field: `${path}.${given[0]}` });
  }
  const value = key && row[key.field];
  if (value != null) return value;
  const message = `${path} names nothing to link to: give its id${key ? ` or its ${key.field}` : ""}.`;
  throw new RowhouseError("VALIDATION_FAILED", message, { field: path });
}

async function findOrCreate(
  client: Queryable,
  { table, key }: NestedLink,
  rows: readonly PlacedRow[],
): Promise<Map<unknown, string>> {
  const ids = new Map<unknown, string>();
  if (!key) return ids;
  const { field } = key;
  // Once more for rows that somebody else committed while the first statement ran, which does not see them.
  for (const _ of ["at first", "again"]) {
    const missing = rows.filter(({ row }) => !ids.has(row[field]));
    if (missing.length === 0) return ids;
    const own: Row[] = missing.map(({ row }) =>
      Object.fromEntries([...table.columns.keys()].map((name) => [name, row[name]])),
    );
    const statement = (() => {
      try {
        return findOrInsertStatement(table, own, key.unique, field);
      } catch (error) {
        throw atPath(missing[0]!.path, error);
      }
    })();
    const found = await client.query(statement).catch((error: unknown) => {
      throw atPath(missing.length === 1 ? missing[0]!.path : parentOf(missing[0]!.path), error);
    });
    for (const { id, place } of found.rows as { id: string; place: number }[]) ids.set(own[place - 1]![field], id);
  }
  return ids;
}

const parentOf = (path: string): string => path.replace(/\.\d+$/, "");
