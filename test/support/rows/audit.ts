import type { SpecialValues } from "./special-values.ts";

export const auditValues: SpecialValues = {};
