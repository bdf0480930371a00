import { randomBytes, randomInt } from "node:crypto";
import type { SpecialValues } from "./special-values.ts";

export const listsValues: SpecialValues = {
  "lists.export_files.sha256": () => randomBytes(32).toString("hex"),
  "lists.connections.config": () => ({ url: "https://example.test/hook" }),
  "lists.filter_rules.value": () => `+1202555${randomInt(1000, 10_000)}`,
  // A trigger has made the total of slot 0 already.
  "lists.enrichment_result_totals.slot": () => 31,
  "lists.list_entry_totals.slot": () => 31,
  "lists.enrichment_plan_steps.position": () => 1,
};
