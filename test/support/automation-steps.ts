import type { PoolClient } from "pg";
import { insertAutomation, newestEvent, type AutomationInput } from "./automations.ts";
import { insertInto } from "./insert-into.ts";

/** Goes on in another role, as the same actor. */
export async function become(client: PoolClient, role: string): Promise<void> {
  await client.query("select set_config('role', $1, true), set_config('jwt.claims.role', $2, true)", [
    `rowhouse_${role}`,
    role === "system" ? "" : role,
  ]);
}

/** Makes a contact. */
export const makeContact = (client: PoolClient, row: Record<string, unknown> = {}) =>
  insertInto(client, "crm.contacts", { first_name: "Ann", ...row });

/** Shows an event to the automations as the worker does; how many firings were queued. */
export async function fire(client: PoolClient, eventId: string): Promise<number> {
  await become(client, "system");
  const { rows } = await client.query("select pipeline.fire_automations_for_events(array[$1::uuid]) as count", [
    eventId,
  ]);
  return rows[0].count;
}

/** Does what is queued as the worker does. */
export async function runQueued(client: PoolClient): Promise<void> {
  await become(client, "system");
  await client.query("select pipeline.run_automation(id) from pipeline.automation_runs where status = 'queued'");
}

/** The runs of an automation, in order; goes on as the system. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export async function runsOf(client: PoolClient, automationId: string): Promise<any[]> {
  await become(client, "system");
  return (
    await client.query("select * from pipeline.automation_runs where automation_id = $1 order by id", [automationId])
  ).rows;
}

/** The names of a contact's tags. */
export async function tagsOf(client: PoolClient, contactId: string): Promise<string[]> {
  const { rows } = await client.query(
    `select t.name from crm.contact_tag_mapping m join crm.contact_tags t on t.id = m.contact_tag_id
     where m.contact_id = $1 and m.deleted_at is null order by 1`,
    [contactId],
  );
  return rows.map(({ name }) => name);
}

/** Makes an automation and a contact, and does what follows; the runs. */
export async function tryOut(client: PoolClient, input: AutomationInput = {}, contact: Record<string, unknown> = {}) {
  const automation = await insertAutomation(client, input);
  const { id: contactId } = await makeContact(client, contact);
  const event = await newestEvent(client, "contact.created");
  await fire(client, event.id);
  await runQueued(client);
  return { automation, contactId, event, runs: await runsOf(client, automation.id) };
}
