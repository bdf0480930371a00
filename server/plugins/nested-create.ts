import { RowhouseError } from "../../lib/errors.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import { linkedIds } from "./nested-links.ts";
import { nestedTables, type NestedTable } from "./nested-tables.ts";
import type { WritableTable } from "./writable-tables.ts";
import { atPath, type PlacedRow, type Queryable } from "./placed-row.ts";
import { insertStatement, type Row } from "./write-statements.ts";

/** Rows of one table that are created together with others at most. */
const nestedRowsMax = 5000;

/**
 * Creates what is nested in rows that were just created, level by level: one INSERT per table, in the transaction of
 * the mutation. An error names the path in the input, such as `contact.channelIdentifiers.1.identifier`.
 */
export async function createNested(
  build: any,
  client: Queryable,
  table: WritableTable,
  parents: readonly PlacedRow[],
  uuids: readonly string[],
): Promise<void> {
  for (const nested of nestedTables(build, table)) {
    const rows = parents.flatMap((parent, n) => nestedRows(nested, parent, encodeTypeId(table.prefix, uuids[n]!)));
    if (rows.length === 0) continue;
    if (rows.length > nestedRowsMax) {
      const message = `${nested.fieldName} has ${rows.length} items in all, and one request may have at most ${nestedRowsMax}. Send them in parts.`;
      const details = { limit: nestedRowsMax, count: rows.length, name: "nestedRows" };
      throw new RowhouseError("LIMIT_EXCEEDED", message, { field: nested.fieldName, details });
    }
    const linked = nested.link ? await linkedIds(client, nested.link, rows) : undefined;
    const { parentField, link } = nested;
    const placed = linked
      ? rows.map(({ path, row }, n) => ({ path, row: { [parentField]: row[parentField], [link!.field]: linked[n] } }))
      : rows;
    const written = await insertPlaced(client, nested.table, placed, link && { [link.field]: "id" });
    await createNested(build, client, nested.table, rows, written);
  }
}

function nestedRows({ fieldName, isSingle, parentField }: NestedTable, parent: PlacedRow, id: string): PlacedRow[] {
  const given = parent.row[fieldName] as Row | readonly Row[] | null | undefined;
  if (given == null) return [];
  if (isSingle) return [{ path: `${parent.path}.${fieldName}`, row: { ...(given as Row), [parentField]: id } }];
  return (given as readonly Row[]).map((row, n) => ({
    path: `${parent.path}.${fieldName}.${n}`,
    row: { ...row, [parentField]: id },
  }));
}

/** Inserts rows by one statement; the error of the first bad one, by its path. */
async function insertPlaced(
  client: Queryable,
  table: WritableTable,
  rows: readonly PlacedRow[],
  fieldNames: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const insert = async (count: number): Promise<string[]> => {
    const some = rows.slice(0, count).map(({ row }) => row);
    const result = await client.query(insertStatement(table, some, some.length));
    return result.rows[0].ids as string[];
  };
  await client.query({ text: "savepoint nested" });
  try {
    return await insert(rows.length);
  } catch (error) {
    const [place, cause] = await findBadRow(client, insert, rows.length, error);
    throw atPath(rows[place]!.path, cause, (field) => fieldNames[field] ?? keyField(table, cause) ?? field);
  }
}

/** The field that tells rows of one parent apart, when their unique key is taken. */
function keyField(table: WritableTable, error: unknown): string | undefined {
  const { constraint } = error as { constraint?: string };
  const column = constraint && table.keys.find(({ name }) => name === constraint)?.columns.at(-1);
  return [...table.columns].find(([, { attribute }]) => attribute === column)?.[0];
}

/** Which row is the first that cannot be inserted after those before it, and why. */
async function findBadRow(
  client: Queryable,
  insert: (count: number) => Promise<unknown>,
  count: number,
  error: unknown,
): Promise<[number, unknown]> {
  let [good, bad, cause] = [0, count, error];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    await client.query({ text: "rollback to savepoint nested" });
    try {
      await insert(middle);
      good = middle;
    } catch (found) {
      [bad, cause] = [middle, found];
    }
  }
  return [bad - 1, cause];
}
