import type { SpecialValues } from "./special-values.ts";

export const trackingValues: SpecialValues = {
  "tracking.analytics_events.event_type": () => "message.opened",
  "tracking.analytics_events.entity_type": () => "message",
  "tracking.analytics_events.source_type": () => "campaign",
  "tracking.tracked_links.target_url": () => "https://example.com/",
  "tracking.daily_message_summary.event_type": () => "message.sent",
};
