import { create } from "jsondiffpatch";
import { format } from "jsondiffpatch/formatters/jsonpatch";

/** A step from one state to the next, by RFC 6902. */
export type PatchOperation = ReturnType<typeof format>[number];

type Row = { readonly id?: unknown; readonly rowId?: unknown; readonly node?: Row | null; readonly cursor?: unknown };

const differ = create({ objectHash: (each: object, index) => keyOf(each, index) });

/** So many pairs of rows are compared at most: about ten milliseconds, in which nobody else is served. */
const pairsMax = 100_000;

/** What leads from one JSON value to another; undefined when that is longer than the other itself, or would take long to find. */
export function differenceOf(from: unknown, to: unknown, lengthMax: number): PatchOperation[] | undefined {
  if (pairsOf(from, to) > pairsMax) return undefined;
  const patch = format(differ.diff(from, to) ?? undefined);
  return JSON.stringify(patch).length <= lengthMax ? patch : undefined;
}

/** Rows are known by their ids, wherever they stand in a list. */
function keyOf(each: unknown, index: number | undefined): string | undefined {
  if (typeof each !== "object" || each === null) return undefined;
  const row = each as Row;
  const id = row.id ?? row.rowId ?? row.node?.id ?? row.node?.rowId ?? row.cursor;
  return typeof id === "string" ? id : `#${index}`;
}

/** How many pairs of rows must be compared: in each list those between what both begin and end with. */
function pairsOf(from: unknown, to: unknown): number {
  if (Array.isArray(from) && Array.isArray(to)) return pairsOfLists(from, to);
  if (typeof from !== "object" || typeof to !== "object" || from === null || to === null) return 0;
  const before = from as Record<string, unknown>;
  return Object.entries(to).reduce((sum, [name, value]) => sum + pairsOf(before[name], value), 0);
}

function pairsOfLists(from: readonly unknown[], to: readonly unknown[]): number {
  const isSame = (a: number, b: number) => {
    const key = keyOf(from[a], a);
    return key === undefined ? from[a] === to[b] : key === keyOf(to[b], b);
  };
  const shorter = Math.min(from.length, to.length);
  let pairs = 0;
  let head = 0;
  for (; head < shorter && isSame(head, head); head++) pairs += pairsOf(from[head], to[head]);
  let tail = 0;
  for (; tail < shorter - head && isSame(from.length - 1 - tail, to.length - 1 - tail); tail++) {
    pairs += pairsOf(from.at(-1 - tail), to.at(-1 - tail));
  }
  return pairs + (from.length - head - tail) * (to.length - head - tail);
}
