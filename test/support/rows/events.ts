import type { SpecialValues } from "./special-values.ts";

export const eventsValues: SpecialValues = {
  "events.events.subject_type": () => "contacts",
  "events.events.type": () => "contact.created",
  "events.webhook_subscriptions.url": () => "https://hooks.example.test/rowhouse",
};
