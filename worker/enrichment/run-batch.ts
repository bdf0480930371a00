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
  const writer = new EntryWriter(run.client, run.steps);
  const tally = createTally();
  for (let after: string | null = null; ;) {
    const entries: ReadEntry[] = await reader.next(job, after, chunkSize);
    if (entries.length > 0) await writeAll(await enrichAll(run, entries));
    if (entries.length < chunkSize) return tally.counts;
    after = entries.at(-1)!.id;
  }

  /** Writes entries; those that somebody changed since they were read are held, enriched anew and written then. */
  async function writeAll(enriched: readonly EnrichedEntry[]): Promise<void> {
    const kept = await store(enriched);
    const lost = enriched.filter((each) => !kept.has(each));
    if (lost.length > 0) await store(await enrichAll(run, await reader.again(lost.map(({ entry }) => entry.id))));
  }

  async function store(enriched: readonly EnrichedEntry[]): Promise<Set<EnrichedEntry>> {
    const stored = await storeOrSplit(run, writer, job.id, enriched);
    tally.add(stored);
    return new Set(stored.map(({ original }) => original));
  }
}

interface Stored {
  readonly original: EnrichedEntry;
  readonly written: EnrichedEntry;
}

/**
 * Writes entries and returns those that were written. Where the database refuses a value, the entries are halved until
 * the one to blame is alone: it is marked as failed, the others are kept.
 */
async function storeOrSplit(
  run: BatchRun,
  writer: EntryWriter,
  queueJobId: string,
  enriched: readonly EnrichedEntry[],
): Promise<Stored[]> {
  const refused = await attempt(run.client, () => storeAll(writer, queueJobId, enriched));
  if (!(refused instanceof DatabaseError)) return refused.map((each) => ({ original: each, written: each }));
  const [only, second] = enriched;
  if (only && !second) {
    const failed = asFailed(only);
    for (const { block } of failed.enrichment.outcomes) run.onFault(block, refused);
    const stored = await attempt(run.client, () => storeAll(writer, queueJobId, [failed]));
    // An entry of which not even this can be written is gone.
    return stored instanceof DatabaseError ? [] : stored.map((written) => ({ original: only, written }));
  }
  const middle = Math.ceil(enriched.length / 2);
  return [
    ...(await storeOrSplit(run, writer, queueJobId, enriched.slice(0, middle))),
    ...(await storeOrSplit(run, writer, queueJobId, enriched.slice(middle))),
  ];
}

async function storeAll(
  writer: EntryWriter,
  queueJobId: string,
  enriched: readonly EnrichedEntry[],
): Promise<EnrichedEntry[]> {
  const changed = enriched.filter(isChanged);
  const updated = await writer.update(changed);
  const kept = enriched.filter((each) => updated.has(each.entry.id) || !isChanged(each));
  await writer.record(queueJobId, kept);
  return kept;
}

function asFailed({ entry, enrichment }: EnrichedEntry): EnrichedEntry {
  const outcomes = enrichment.outcomes.map(({ block }) => failedOutcome(block, unstorableReason));
  return { entry, enrichment: { changes: {}, outcomes, status: "failed" } };
}

/** Runs `work` so that a value which the database refuses undoes it alone; returns the refusal then. */
async function attempt<T>(client: PoolClient, work: () => Promise<T>): Promise<T | DatabaseError> {
  await client.query("savepoint chunk");
  try {
    const result = await work();
    await client.query("release savepoint chunk");
    return result;
  } catch (error) {
    if (!(error instanceof DatabaseError) || !/^2[23]/.test(error.code ?? "")) throw error;
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
    add(stored: readonly Stored[]): void {
      for (const { written } of stored) {
        const { enrichment } = written;
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
