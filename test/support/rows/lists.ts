import { randomBytes } from "node:crypto";
import type { SpecialValues } from "./special-values.ts";

export const listsValues: SpecialValues = {
  "lists.export_files.sha256": () => randomBytes(32).toString("hex"),
  "lists.enrichment_plan_steps.position": () => 1,
};
