import { setImmediate as nextTurn } from "node:timers/promises";
import { DatabaseError, type PoolClient } from "pg";
import { EntryReader, type ReadEntry } from "./batch-entries.ts";
import { enrichEntry, failedOutcome, type OnFault, type Step } from "./enrich-entry.ts";
import { EntryWriter, isChanged, type EnrichedEntry } from "./entry-writer.ts";
import type { BatchCounts, QueueJob } from "./queue-job.ts";

/** What running a batch needs besides the batch. */
export interface BatchRun {
  /** In a transaction of the tenant; nothing is committed here. */
  readonly client: PoolClient;
  readonly steps: readonly Step[];
  readonly signal: AbortSignal;
  readonly onFault: OnFault;
}

/** How many entries are read, enriched and written at a time: it bounds memory, whatever the size of a batch. */
const chunkSize = 1000;
/** After how many entries other jobs of the process get their turn. */
const turnSize = 100;

/** What a tenant reads when the database refuses what was found about an entry. */
export const unstorableReason = "What was found could not be stored; the entry was left as it was.";

/** Runs the steps on the living entries of a batch and writes what they found. Throws the signal's reason when told to stop. */
export async function runBatch(run: BatchRun, job: QueueJob): Promise<BatchCounts> {
  const reader = new EntryReader(run.client, run.steps);
  const writer = new EntryWriter(run.client, run.steps, job.id);
  const tally = createTally();
  for (let after: string | null = null; ;) {
    const entries: ReadEntry[] = await reader.next(job, after, chunkSize);
    const last = entries.at(-1)?.id;
    if (last !== undefined) tally.add(await enrichChunk(entries, after, last));
    if (last === undefined || entries.length < chunkSize) return tally.counts;
    after = last;
  }

  /**
   * Enriches entries without holding them, as edits between reading and writing are rare. Where there was one, or a
   * value is refused, nothing is kept and the chunk is done anew with its entries held. They are held in order of their
   * ids from the first to the last, so that batches which share entries wait for each other and never in a circle.
   */
  async function enrichChunk(entries: readonly ReadEntry[], after: string | null, last: string) {
    const enriched = await enrichAll(run, entries);
    if (!((await attempt(run.client, () => store(writer, enriched))) instanceof Error)) return enriched;
    const held = await reader.hold(job, after, last);
    return storeOrSplit(run, writer, await enrichAll(run, held));
  }
}

/** Somebody changed an entry after it was read. */
class Overtaken extends Error {
  override readonly name = "Overtaken";
}

async function store(writer: EntryWriter, enriched: readonly EnrichedEntry[]): Promise<void> {
  const changed = enriched.filter(isChanged);
  const updated = await writer.update(changed);
  if (updated < changed.length) throw new Overtaken(`${changed.length - updated} entries were changed meanwhile`);
  await writer.record(enriched);
}

/**
 * Writes entries that are held, and returns what was written. Where the database refuses a value, the entries are halved
 * until the one to blame is alone: it is marked as failed, the others are kept.
 */
async function storeOrSplit(
  run: BatchRun,
  writer: EntryWriter,
  enriched: readonly EnrichedEntry[],
): Promise<readonly EnrichedEntry[]> {
  const refusal = await attempt(run.client, () => store(writer, enriched));
  if (!(refusal instanceof Error)) return enriched;
  if (refusal instanceof Overtaken) throw refusal;
  const [only, second] = enriched;
  if (only && !second) {
    const failed = asFailed(only);
    for (const { block } of failed.enrichment.outcomes) run.onFault(block, refusal);
    await store(writer, [failed]);
    return [failed];
  }
  const middle = Math.ceil(enriched.length / 2);
  return [
    ...(await storeOrSplit(run, writer, enriched.slice(0, middle))),
    ...(await storeOrSplit(run, writer, enriched.slice(middle))),
  ];
}

function asFailed({ entry, enrichment }: EnrichedEntry): EnrichedEntry {
  const outcomes = enrichment.outcomes.map(({ block }) => failedOutcome(block, unstorableReason));
  return { entry, enrichment: { changes: {}, outcomes, status: "failed" } };
}

/** Runs `work`, and undoes it alone when an entry was overtaken or the database refuses a value; returns the reason then. */
async function attempt(client: PoolClient, work: () => Promise<void>): Promise<Error | undefined> {
  await client.query("savepoint chunk");
  try {
    await work();
    await client.query("release savepoint chunk");
    return undefined;
  } catch (error) {
    const isRefusal = error instanceof DatabaseError && /^2[23]/.test(error.code ?? "");
    if (!isRefusal && !(error instanceof Overtaken)) throw error;
    await client.query("rollback to savepoint chunk");
    return error;
  }
}

async function enrichAll(
  { steps, signal, onFault }: BatchRun,
  entries: readonly ReadEntry[],
): Promise<EnrichedEntry[]> {
  const enriched: EnrichedEntry[] = [];
  for (const entry of entries) {
    if (enriched.length % turnSize === turnSize - 1) {
      await nextTurn();
      signal.throwIfAborted();
    }
    enriched.push({ entry, enrichment: enrichEntry(steps, entry.fields, onFault) });
  }
  return enriched;
}

function createTally() {
  const outcomes: Record<string, Record<string, number>> = {};
  const counts = { processed: 0, changed: 0, failed: 0, outcomes };
  return {
    counts: counts as BatchCounts,
    add(entries: readonly EnrichedEntry[]): void {
      for (const { enrichment } of entries) {
        counts.processed += 1;
        if (Object.keys(enrichment.changes).length > 0) counts.changed += 1;
        if (enrichment.status !== "enriched") counts.failed += 1;
        for (const { block, status } of enrichment.outcomes) {
          const ofBlock = (outcomes[block] ??= {});
          ofBlock[status] = (ofBlock[status] ?? 0) + 1;
        }
      }
    },
  };
}
