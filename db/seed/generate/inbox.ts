import type { TenantSeed } from "./tenant-seed.ts";

/** Conversations with contacts, and who answers them. */
export async function seedInbox({
  client,
  random,
  since,
  until,
  people,
  copy,
  ids,
  size,
  tenantId,
}: TenantSeed): Promise<void> {
  const contacts = ids.get("crm.contacts")!;
  await copy(
    "inbox.inbox_sla_policies",
    ["normal", "high"].map((priority, i) => ({
      id: random.id(since),
      name: `Answer ${priority}`,
      priority,
      first_response_minutes: i ? 30 : 240,
      resolution_minutes: i ? 480 : 2880,
    })),
    { remember: true },
  );
  const policies = ids.get("inbox.inbox_sla_policies")!;
  const threads = Array.from({ length: Math.max(3, Math.round(size / 10)) }, (_, i) => {
    const at = random.between(since, until);
    return {
      id: random.id(at),
      contact_id: contacts[(i * 7) % contacts.length],
      channel: "email",
      subject: random.faker.lorem.sentence(5),
      priority: i % 5 ? "normal" : "high",
      assigned_to: random.one(people).actorId,
      sla_policy_id: policies[i % 5 ? 0 : 1],
      created_at: at,
    };
  });
  await copy("inbox.inbox_threads", threads, { remember: true });
  await copy("inbox.inbox_messages", talk(threads, random, until));
  await copy(
    "inbox.inbox_assignments",
    threads.map(({ id, assigned_to, created_at }) => ({
      id: random.id(created_at),
      thread_id: id,
      assigned_to,
      assigned_by: people[0]!.actorId,
      assigned_at: created_at,
    })),
  );
  await copy(
    "inbox.inbox_sla_clocks",
    threads.map(({ id, sla_policy_id, created_at }) => ({
      id: random.id(created_at),
      thread_id: id,
      sla_policy_id,
      kind: "first_response",
      due_at: until,
      started_at: created_at,
    })),
  );
  await copy("inbox.inbox_canned_responses", [
    {
      id: random.id(since),
      shortcut: "thanks",
      title: "Thanks",
      content: "Thank you, {{contact.firstName}}.",
      created_by: people[0]!.actorId,
    },
  ]);
  await client.query(
    "update inbox.inbox_threads set status = 'closed' where tenant_id = $1 and extract(epoch from created_at)::bigint % 3 = 0",
    [tenantId],
  );
}

function* talk(
  threads: readonly { id: string; assigned_to: string; created_at: Date }[],
  random: TenantSeed["random"],
  until: Date,
) {
  for (const { id, assigned_to, created_at } of threads) {
    for (let i = 0; i <= random.below(4); i++) {
      const sent_at = random.between(created_at, until);
      const isInbound = i % 2 === 0;
      yield {
        id: random.id(sent_at),
        thread_id: id,
        direction: isInbound ? "inbound" : "outbound",
        channel: "email",
        body: random.faker.lorem.sentences(2),
        external_id: `mail-${id}-${i}`,
        sent_by: isInbound ? null : assigned_to,
        sent_at,
        read_at: isInbound && random.chance(0.5) ? sent_at : null,
        created_at: sent_at,
      };
    }
  }
}
