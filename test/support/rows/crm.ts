import { randomInt } from "node:crypto";
import type { SpecialValues } from "./special-values.ts";

export const crmValues: SpecialValues = {
  "crm.channel_identifiers.channel": () => "phone",
  "crm.channel_identifiers.identifier": () => `+1206${randomInt(2_000_000, 9_999_999)}`,
  "crm.contact_addresses.city": () => "Seattle",
  "crm.contact_attributes.key": () => "loyalty_level",
  "crm.contact_attributes.value": () => JSON.stringify("gold"),
  "crm.contact_timeline_events.event_type": () => "note.added",
  // A merge is of two contacts or of two companies; the loser is another row, because it refers to the same table again.
  "crm.merges.winner_contact_id": (ids) => ids.get("crm.contacts"),
  "crm.merges.loser_contact_id": (ids) => ids.get("crm.contacts"),
};
