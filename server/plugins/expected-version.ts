import { sql } from "postgraphile/pg-sql2";
import { RowhouseError } from "../../lib/errors.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import type { WritableTable } from "./writable-tables.ts";
import type { WriteInput } from "./write-mutation.ts";

/** The versions that the rows of an input must have, in the order of its ids; undefined when the client does not mind. */
export function expectedVersions(input: WriteInput): readonly string[] | undefined {
  if (input.expectedVersion != null) return [checkVersion(input.expectedVersion, "expectedVersion")];
  const versions = input.expectedVersions;
  if (versions == null) return undefined;
  if (input.ids?.length !== versions.length) {
    const message = `expectedVersions has ${versions.length} items for ${input.ids?.length ?? 0} ids. Name rows by ids, and give each its version, in the same order.`;
    throw new RowhouseError("VALIDATION_FAILED", message, { field: "expectedVersions" });
  }
  return versions.map((version) => checkVersion(version, "expectedVersions"));
}

function checkVersion(version: string, field: string): string {
  if (/^\d{1,10}$/.test(version) && Number(version) < 2 ** 32) return version;
  const message = `${JSON.stringify(version)} is no version of a row. Take it from the row's field rowVersion.`;
  throw new RowhouseError("VALIDATION_FAILED", message, { field });
}

/**
 * Refuses when a row that a change missed is there, in another version than was expected. To be asked in the transaction of the change,
 * after it: rows that the sender cannot see are not found, and nothing is said of them.
 */
export async function refuseStale(
  table: WritableTable,
  client: any,
  missed: readonly { readonly uuid: string; readonly version: string }[],
  isDeleted: boolean,
): Promise<void> {
  const from = sql.compile(table.resource.from).text;
  const living = table.resource.codec.attributes.deleted_at ? `and deleted_at is ${isDeleted ? "not " : ""}null` : "";
  const { rows } = await client.query({
    text: `select id, xmin::text as version from ${from} where id = any($1::uuid[]) ${living}`,
    values: [missed.map(({ uuid }) => uuid)],
  });
  const current = new Map<string, string>(rows.map((row: { id: string; version: string }) => [row.id, row.version]));
  const uuid = missed.find((each) => current.has(each.uuid) && current.get(each.uuid) !== each.version)?.uuid;
  if (uuid === undefined) return;
  const id = encodeTypeId(table.prefix, uuid);
  throw new RowhouseError(
    "CONFLICT",
    `${table.typeName} ${id} was changed since it was read, so nothing was done. Read it again, and decide anew.`,
    { field: "expectedVersion", details: { id, currentVersion: current.get(uuid) } },
  );
}
