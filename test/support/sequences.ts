import type { PoolClient } from "pg";
import { insertInto } from "./insert-into.ts";

/** A sequence as a test needs it: its id and the ids of its steps, in order. */
export interface TestSequence {
  readonly id: string;
  readonly steps: readonly string[];
}

/** Writes a sequence with a step of each type. */
export async function insertSequence(client: PoolClient, types: string[], name = "Newcomers"): Promise<TestSequence> {
  const { id } = await insertInto(client, "outreach.sequences", { name });
  const steps: string[] = [];
  for (const [i, type] of types.entries()) {
    const step = { sequence_id: id, step_number: i + 1, type };
    steps.push((await insertInto(client, "outreach.sequence_steps", step)).id);
  }
  return { id, steps };
}

/** Enrolls a new contact; the enrollment. */
export async function enrollContact(
  client: PoolClient,
  sequence_id: string,
  row: Record<string, unknown> = {},
): Promise<{ id: string; contact_id: string }> {
  const contact = await insertInto(client, "crm.contacts", { first_name: "Ann" });
  return insertInto(client, "outreach.sequence_enrollments", { sequence_id, contact_id: contact.id, ...row });
}
