import { create } from "jsondiffpatch";
import { format } from "jsondiffpatch/formatters/jsonpatch";

/** A step from one state to the next, by RFC 6902. */
export type PatchOperation = ReturnType<typeof format>[number];

type Row = { readonly id?: unknown; readonly rowId?: unknown; readonly node?: Row | null; readonly cursor?: unknown };

const differ = create({
  // Rows are known by their ids, wherever they stand in a list.
  objectHash(each: object, index) {
    const row = each as Row | null;
    if (row === null) return undefined;
    const id = row.id ?? row.rowId ?? row.node?.id ?? row.node?.rowId ?? row.cursor;
    return typeof id === "string" ? id : `#${index}`;
  },
});

/** What leads from one JSON value to another; undefined when that would be longer than the other itself. */
export function differenceOf(from: unknown, to: unknown, lengthMax: number): PatchOperation[] | undefined {
  const patch = format(differ.diff(from, to) ?? undefined);
  return JSON.stringify(patch).length <= lengthMax ? patch : undefined;
}
