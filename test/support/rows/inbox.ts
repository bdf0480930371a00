import type { SpecialValues } from "./special-values.ts";

export const inboxValues: SpecialValues = {
  // A trigger has made the total of slot 0 already.
  "inbox.inbox_thread_totals.slot": () => 31,
  "inbox.inbox_canned_responses.shortcut": () => "thanks",
  "inbox.inbox_sla_policies.first_response_minutes": () => 30,
  "inbox.inbox_sla_policies.resolution_minutes": () => 480,
};
