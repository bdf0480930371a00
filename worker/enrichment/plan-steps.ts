import { RowhouseError } from "../../lib/errors.ts";
import { prepareBlock } from "../blocks/index.ts";
import type { Step } from "./enrich-entry.ts";

/** A step as its row holds it. */
export interface PlannedStep {
  readonly position: number;
  readonly block: string;
  readonly config: unknown;
}

/** Makes a runnable step of a block's name and its configuration; throws an error that says what does not fit. */
export type PrepareStep = (block: string, config: unknown) => Step;

/**
 * Makes the steps of a plan ready to run. Throws VALIDATION_FAILED, in words for the tenant, when the plan has none or
 * one of them cannot be run; no entry is touched then.
 */
export function prepareSteps(planned: readonly PlannedStep[], prepare: PrepareStep = prepareBlock): Step[] {
  if (planned.length === 0) {
    throw new RowhouseError("VALIDATION_FAILED", "The plan has no steps. Add at least one, then retry the job.");
  }
  return planned.map(({ position, block, config }) => {
    try {
      return prepare(block, config);
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      throw new RowhouseError(
        "VALIDATION_FAILED",
        `Step ${position} of the plan cannot be run. ${fault} Mend the step, then retry the job.`,
      );
    }
  });
}
