import type { TenantSeed } from "./tenant-seed.ts";

/** What became of messages; the daily figures are added up by the database. */
export async function seedTracking({ random, until, copy, ids, people }: TenantSeed): Promise<void> {
  const messages = ids.get("outreach.messages")!;
  const token = () => (random.id(until) + random.id(until)).replaceAll("-", "");
  await copy(
    "tracking.tracking_pixels",
    messages.map((message_id) => ({ id: random.id(until), message_id, token: token() })),
  );
  await copy(
    "tracking.tracked_links",
    messages.map((message_id) => ({
      id: random.id(until),
      message_id,
      token: token(),
      target_url: "https://example.com/",
    })),
  );
  await copy(
    "tracking.message_open_stats",
    messages
      .filter((_, i) => i % 2 === 0)
      .map((message_id) => ({
        id: random.id(until),
        message_id,
        open_count: 1,
        first_opened_at: until,
        last_opened_at: until,
      })),
  );
  const twoMonths = 60 * 86_400_000;
  await copy(
    "tracking.analytics_events",
    messages.map((entity_id) => {
      const occurred_at = random.between(new Date(until.getTime() - twoMonths), until);
      return {
        id: random.id(occurred_at),
        event_type: random.one(["message.sent", "message.delivered", "message.opened"]),
        entity_type: "message",
        entity_id,
        channel: "email",
        occurred_at,
        ingested_at: occurred_at,
        created_at: occurred_at,
      };
    }),
  );
  await copy(
    "events.events",
    ids
      .get("crm.leads")!
      .slice(0, 100)
      .map((subject_id) => ({
        id: random.id(until),
        type: "lead.created",
        subject_type: "leads",
        subject_id,
        actor_id: people[0]!.actorId,
        created_at: until,
      })),
    { remember: true },
  );
  await copy(
    "events.webhook_subscriptions",
    [{ id: random.id(until), name: "Demo receiver", url: "https://example.com/hooks", created_by: people[0]!.actorId }],
    { remember: true },
  );
  const [webhook_subscription_id] = ids.get("events.webhook_subscriptions")!;
  await copy(
    "events.webhook_deliveries",
    ids
      .get("events.events")!
      .slice(0, 20)
      .map((event_id) => ({
        id: random.id(until),
        webhook_subscription_id,
        event_id,
        event_type: "lead.created",
        payload: { type: "lead.created" },
        next_attempt_at: until,
      })),
  );
}
