import type { SpecialValues } from "./special-values.ts";

export const outreachMessagingValues: SpecialValues = {
  "outreach.campaigns.channel": () => "whatsapp",
  "outreach.segment_members.added_reason": () => "rule",
  "outreach.segments.type": () => "dynamic",
  "outreach.segment_rules.field": () => "status",
  "outreach.segment_rules.value": () => JSON.stringify("active"),
  "outreach.templates.channel": () => "whatsapp",
};
