import { randomBytes } from "node:crypto";
import type { SpecialValues } from "./special-values.ts";

/** A day from now: what expires does so in time to come. */
const tomorrow = () => new Date(Date.now() + 86_400_000);

export const iamValues: SpecialValues = {
  "iam.actors.kind": () => "automation",
  "iam.api_keys.prefix": () => `rh_${randomBytes(4).toString("hex")}`,
  "iam.invitations.email": () => `guest-${randomBytes(6).toString("hex")}@example.test`,
  "iam.sessions.expires_at": tomorrow,
};
