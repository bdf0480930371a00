import type { BlockStatus, EntryField, EntryFields, Origin } from "../blocks/block.ts";
import type { PreparedBlock } from "../blocks/index.ts";

/** A step as the runner needs it; every prepared block is one. */
export type Step = Omit<PreparedBlock, "name"> & { readonly name: string };

/** Where a written value comes from, and what it replaced, if anything. */
export interface Provenance extends Origin {
  readonly previous?: string | boolean;
}

/** How one step ended for one entry, as it is kept. */
export interface StepOutcome {
  readonly block: string;
  readonly status: BlockStatus | "failed";
  readonly found: Readonly<Record<string, unknown>>;
  readonly provenance: Readonly<Record<string, Provenance>>;
  readonly reason: string | undefined;
}

/** How the steps together ended for one entry. */
export interface Enrichment {
  /** The fields whose values changed. */
  readonly changes: EntryFields;
  readonly outcomes: readonly StepOutcome[];
  readonly status: "enriched" | "partial" | "failed";
}

/** Told of an error that a step threw; the entry's other steps go on. */
export type OnFault = (block: string, error: unknown) => void;

/** What a tenant reads about a step that broke on an entry; the error itself goes to the log. */
export const faultReason = "The step broke on this entry. The error is in the log; the other steps were run.";

/**
 * Runs the steps on one entry, in order. A step sees what the ones before it found, and does not overwrite it. A step
 * that throws fails alone: nothing of it is kept, and the others are run.
 */
export function enrichEntry(steps: readonly Step[], entry: Readonly<EntryFields>, onFault: OnFault): Enrichment {
  const current: Record<string, unknown> = { ...entry };
  const changes: Record<string, unknown> = {};
  const outcomes: StepOutcome[] = [];
  let failures = 0;
  for (const step of steps) {
    try {
      outcomes.push(runStep(step, current, changes));
    } catch (error) {
      failures += 1;
      onFault(step.name, error);
      outcomes.push(failedOutcome(step.name, faultReason));
    }
  }
  const status = failures === 0 ? "enriched" : failures < steps.length ? "partial" : "failed";
  return { changes, outcomes, status };
}

/** The outcome of a step of which nothing can be kept. */
export function failedOutcome(block: string, reason: string): StepOutcome {
  return { block, status: "failed", found: {}, provenance: {}, reason };
}

function runStep(step: Step, current: Record<string, unknown>, changes: Record<string, unknown>): StepOutcome {
  const result = step.run(current as EntryFields);
  const provenance: Record<string, Provenance> = {};
  for (const field in result.fields) {
    // The waterfall: what an earlier step of this run found stays.
    if ((changes[field] ?? null) !== null) continue;
    const value = result.fields[field as EntryField] ?? null;
    const previous = current[field];
    const origin = result.provenance[field as EntryField] as Origin;
    provenance[field] = isSaying(previous) ? { ...origin, previous } : origin;
    current[field] = changes[field] = value;
  }
  const isFresh = result.status !== "found" || Object.keys(provenance).length > 0;
  const status = isFresh ? result.status : "unchanged";
  return { block: step.name, status, found: result.found, provenance, reason: result.reason };
}

/** Whether a value says anything; statuses begin as unknown. */
function isSaying(value: unknown): value is string | boolean {
  return value !== undefined && value !== null && value !== "unknown";
}
