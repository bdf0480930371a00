import type { SpecialValues } from "./special-values.ts";

export const outreachAutomationValues: SpecialValues = {
  "outreach.attempt_outcomes.status": () => "sent",
};
