import { join } from "node:path";
import { createList, enrichList, importFile } from "./api.ts";
import { count, type Figure, median, timed } from "./measure.ts";
import type { BenchStack } from "./stack.ts";
import { writeSyntheticFile } from "./synthetic-file.ts";

const SMALL = 10_000;
const MIDDLE = 100_000;

/** Enrichment with the four steps on one worker process: its rate, and whether an entry costs more in a long list. */
export async function benchEnrichment(stack: BenchStack, largeListId: string, largeRows: number): Promise<Figure[]> {
  const path = join(stack.folder, "more.csv");
  const small: number[] = [];
  for (let i = 0; i < 3; i++) small.push(await enrichFresh(stack, path, SMALL, 5_000_000 + i * SMALL));
  const middle = await enrichFresh(stack, path, MIDDLE, 6_000_000);
  const large = (await timed(() => enrichList(stack, largeListId))).seconds / largeRows;
  const after: number[] = [];
  for (let i = 0; i < 3; i++) after.push(await enrichFresh(stack, path, SMALL, 7_000_000 + i * SMALL));
  const smallCost = median([...small, ...after]);
  const ratio = large / smallCost;
  return [
    {
      what: `enrichment of ${count(MIDDLE)} entries, four steps, one worker process`,
      measured: `${count(1 / middle)} entries/s`,
      comparedWith: "the goal",
      ratio: (1 / middle / 5000).toFixed(2),
      goal: "at least 5,000 entries/s",
      isMet: 1 / middle >= 5000,
    },
    {
      what: `cost of an entry: a run of ${count(largeRows)} against runs of ${count(SMALL)}`,
      measured: `${(large * 1e6).toFixed(0)} µs`,
      comparedWith: `${(smallCost * 1e6).toFixed(0)} µs (median of six, before and after)`,
      ratio: ratio.toFixed(2),
      goal: "at most 1.20",
      isMet: ratio <= 1.2,
    },
  ];
}

/** Seconds for each entry of a list that was never enriched. */
async function enrichFresh(stack: BenchStack, path: string, rows: number, offset: number): Promise<number> {
  await writeSyntheticFile(path, rows, offset);
  const listId = await createList(stack, `people from ${offset}`);
  await importFile(stack, listId, path, "KEEP");
  await stack.admin.query("analyze lists.list_entries");
  return (await timed(() => enrichList(stack, listId))).seconds / rows;
}
