import type { PoolClient } from "pg";
import { asTenant, type TestDatabase } from "./database.ts";
import { insertInto } from "./insert-into.ts";

/** An automation as tests write it; the rest are defaults. */
export interface AutomationInput {
  readonly name?: string;
  readonly trigger_type?: string;
  readonly trigger_config?: object;
  readonly webhook_source_id?: string;
  readonly conditions?: unknown;
  readonly actions?: unknown;
  readonly [column: string]: unknown;
}

/** An action that marks the contact that an event is about. */
export const tagSubject = {
  verb: "addContactTag",
  arguments: { contactId: { ref: "subject.id" }, tag: "seen" },
};

let count = 0;

/** The row of an automation: it marks new contacts, unless told otherwise. */
export function automationRow(input: AutomationInput = {}): Record<string, unknown> {
  const { trigger_type = "event", trigger_config, conditions = [], actions = [tagSubject], ...rest } = input;
  const config = trigger_config ?? (trigger_type === "event" ? { event: "contact.created" } : {});
  return {
    name: `Automation ${++count}`,
    trigger_type,
    ...rest,
    trigger_config: JSON.stringify(config),
    conditions: JSON.stringify(conditions),
    actions: JSON.stringify(actions),
  };
}

/** Inserts an automation and gives it back whole. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const insertAutomation = (client: PoolClient, input?: AutomationInput): Promise<any> =>
  insertInto(client, "pipeline.automations", automationRow(input));

/** The same, committed, as a manager of the tenant. */
export function commitAutomation(
  database: TestDatabase,
  claims: { tenantId: string; actorId?: string },
  input?: AutomationInput,
): ReturnType<typeof insertAutomation> {
  return asTenant(database, { ...claims, role: "rowhouse_manager" }, (client) => insertAutomation(client, input), {
    commit: true,
  });
}

/** The newest event of the feed of a type that this transaction can see. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export async function newestEvent(client: PoolClient, type: string): Promise<any> {
  const { rows } = await client.query("select * from events.events where type = $1 order by position desc limit 1", [
    type,
  ]);
  return rows[0];
}
