import type { SpecialValues } from "./special-values.ts";

export const outreachAutomationValues: SpecialValues = {};
