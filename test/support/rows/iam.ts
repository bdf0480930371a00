import type { SpecialValues } from "./special-values.ts";

export const iamValues: SpecialValues = {
  "iam.actors.kind": () => "automation",
};
