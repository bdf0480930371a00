import { describe, expect, it } from "@jest/globals";
import { differenceOf } from "../../../server/live/difference.ts";
import { applyAnswer, type LiveCopy } from "../../support/live-copy.ts";
import { randomNumbers } from "../../support/random-numbers.ts";

const rows = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    id: `contact_${n}`,
    name: `N ${n}`,
    tags: { nodes: [{ id: `tag_${n % 5}` }] },
  }));
const page = (nodes: unknown[]) => ({ contacts: { totalCount: String(nodes.length), nodes } });

/** What a client has after it got the difference. */
function arrive(from: unknown, to: unknown): unknown {
  const patch = differenceOf(from, to, Infinity);
  const copy: LiveCopy = { data: structuredClone(from) };
  applyAnswer(copy, JSON.parse(JSON.stringify({ extensions: { live: { revision: 2, patch } } })) as object);
  return copy.data;
}

describe("the difference between two answers", () => {
  it("leads from any to any other, with the function that docs/live-queries.md gives to clients", () => {
    const below = randomNumbers(7);
    const value = (depth: number): unknown => {
      const kind = below(depth > 3 ? 4 : 7);
      if (kind === 0) return null;
      if (kind === 1) return below(3) === 0;
      if (kind === 2) return below(50);
      if (kind === 3) return ["", "a", "é\n", "x/y~z"][below(4)];
      if (kind === 4) return Array.from({ length: below(5) }, () => value(depth + 1));
      if (kind === 5) return someRows(depth);
      return Object.fromEntries(
        Array.from({ length: below(4) }, () => [["a", "b/c", "d~1e", "0"][below(4)], value(depth + 1)]),
      );
    };
    const someRows = (depth: number) => {
      const ids = [0, 1, 2, 3, 4, 5, 6, 7].filter(() => below(2) === 0);
      return ids.map((id) => ({ id: `row_${id}`, value: value(depth + 1) })).sort(() => below(3) - 1);
    };
    for (let n = 0; n < 3000; n++) {
      const [from, to] = [{ data: value(0) }, { data: value(0) }];
      expect(arrive(from, to)).toEqual(to);
    }
  });

  it.each([
    ["a row that comes first", [{ id: "new" }, ...rows(200)], 2],
    ["a row that is gone", rows(200).slice(1), 2],
    ["a value of a row", rows(200).map((row, n) => (n === 5 ? { ...row, name: "other" } : row)), 1],
    ["a window that has moved by one", [{ id: "new" }, ...rows(199)], 2],
    ["a row that has moved to the end", [...rows(200).slice(1), rows(200)[0]], 1],
  ])("is short for %s", (_, nodes, operations) => {
    const [from, to] = [page(rows(200)), page(nodes)];
    expect(arrive(from, to)).toEqual(to);
    expect(differenceOf(from, to, Infinity)).toHaveLength(operations);
  });

  it("is left out when it is longer than the answer itself", () => {
    const to = page([{ id: "a" }]);
    expect(differenceOf(page(rows(100)), to, JSON.stringify(to).length)).toBeUndefined();
  });

  it("is left out when it would take long to find, as where a thousand rows have changed places", () => {
    const from = page(rows(1000));
    expect(differenceOf(from, page(rows(1000).reverse()), Infinity)).toBeUndefined();
    expect(differenceOf(from, page(rows(1000).slice(1)), Infinity)).toHaveLength(2);
    const changed = page(rows(1000).map((row, n) => (n === 500 ? { ...row, name: "other" } : row)));
    expect(differenceOf(from, changed, Infinity)).toHaveLength(1);
  });
});
