import type { SpecialValues } from "./special-values.ts";

export const inboxValues: SpecialValues = {};
