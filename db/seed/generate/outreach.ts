import type { TenantSeed } from "./tenant-seed.ts";

const templateNames = ["Welcome", "Follow-up", "Offer", "Reminder"] as const;

/** Templates, segments, campaigns with their recipients, and the messages that went out. */
export async function seedOutreach(seed: TenantSeed): Promise<void> {
  await seedTemplates(seed);
  await seedSegments(seed);
  await seedCampaigns(seed);
  await seedMessages(seed);
}

async function seedTemplates({ client, random, since, people, copy, ids, tenantId }: TenantSeed): Promise<void> {
  const created_by = people[0]!.actorId;
  await copy("outreach.template_categories", [{ id: random.id(since), name: "Sales" }], { remember: true });
  const [category_id] = ids.get("outreach.template_categories")!;
  await copy("outreach.template_categories", [{ id: random.id(since), name: "First contact", parent_id: category_id }]);
  const shared = { category_id, created_by, created_at: since };
  await copy(
    "outreach.templates",
    [
      ...templateNames.map((name) => ({ id: random.id(since), name, channel: "email", ...shared })),
      { id: random.id(since), name: "Order shipped", channel: "whatsapp", ...shared },
    ],
    { remember: true },
  );
  const templates = ids.get("outreach.templates")!;
  await copy(
    "outreach.template_versions",
    templates.map((template_id, i) => ({
      id: random.id(since),
      template_id,
      version: 1,
      subject: i < templateNames.length ? `Hello {{contact.firstName}}: ${templateNames[i]}` : null,
      body: `Dear {{contact.firstName}},\n\n${random.faker.lorem.paragraph()}`,
      variables: [{ name: "contact.firstName" }],
      changelog: "First version.",
      created_by,
      created_at: since,
    })),
    { remember: true },
  );
  const versions = ids.get("outreach.template_versions")!;
  await copy("outreach.whatsapp_hsm_approvals", [
    {
      id: random.id(since),
      template_id: templates.at(-1),
      template_version_id: versions.at(-1),
      hsm_namespace: "demo",
      hsm_name: "order_shipped",
      category: "utility",
      created_by,
      created_at: since,
    },
  ]);
  await client.query(
    "update outreach.template_versions set status = 'published', published_at = created_at, published_by = created_by where tenant_id = $1",
    [tenantId],
  );
  await client.query(
    `update outreach.templates t set current_version_id = v.id from outreach.template_versions v
     where t.tenant_id = $1 and v.tenant_id = t.tenant_id and v.template_id = t.id`,
    [tenantId],
  );
  await copy(
    "outreach.prompts",
    [
      {
        id: random.id(since),
        name: "Friendly opener",
        channel: "email",
        user_text: "Write two friendly lines to {{contact.firstName}}.",
      },
    ],
    { remember: true },
  );
}

async function seedSegments({ random, since, until, people, copy, ids }: TenantSeed): Promise<void> {
  await copy(
    "outreach.segments",
    ["Everybody active", "Customers", "Hand-picked"].map((name, i) => ({
      id: random.id(since),
      name,
      type: i < 2 ? "dynamic" : "static",
      created_by: people[0]!.actorId,
      evaluated_at: until,
      created_at: since,
    })),
    { remember: true },
  );
  const segments = ids.get("outreach.segments")!;
  await copy("outreach.segment_rules", [
    {
      id: random.id(since),
      segment_id: segments[0],
      group_index: 0,
      field: "status",
      operator: "equals",
      value: '"active"',
    },
    {
      id: random.id(since),
      segment_id: segments[1],
      group_index: 0,
      field: "tags.name",
      operator: "equals",
      value: '"customer"',
    },
  ]);
  await copy(
    "outreach.segment_members",
    ids
      .get("crm.contacts")!
      .filter(() => random.chance(0.3))
      .map((contact_id, i) => ({
        id: random.id(until),
        segment_id: segments[i % segments.length],
        contact_id,
        added_reason: i % segments.length < 2 ? "rule" : "manual",
        added_at: until,
      })),
  );
  await copy(
    "outreach.segment_history",
    segments.map((segment_id) => ({
      id: random.id(until),
      segment_id,
      member_count: 10,
      added_count: 10,
      duration_ms: 12,
      evaluated_at: until,
    })),
  );
}

async function seedCampaigns({
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
  const [template, other] = ids.get("outreach.templates")!;
  await copy(
    "outreach.campaigns",
    Array.from({ length: Math.max(2, Math.min(20, Math.round(size / 1000))) }, (_, i) => ({
      id: random.id(since),
      name: `Campaign ${i + 1}`,
      channel: "email",
      template_id: template,
      sender_address: "hello@example.com",
      created_by: people[1]!.actorId,
      created_at: since,
    })),
    { remember: true },
  );
  const campaigns = ids.get("outreach.campaigns")!;
  const segment_id = ids.get("outreach.segments")![0];
  await copy(
    "outreach.campaign_segments",
    campaigns.map((campaign_id) => ({ id: random.id(since), campaign_id, segment_id })),
  );
  await copy(
    "outreach.campaign_variants",
    campaigns.flatMap((campaign_id) =>
      [template, other].map((template_id, i) => ({
        id: random.id(since),
        campaign_id,
        template_id,
        label: i ? "B" : "A",
        weight: 1,
      })),
    ),
    { remember: true },
  );
  const variants = ids.get("outreach.campaign_variants")!;
  await client.query("update outreach.campaigns set status = 'running' where tenant_id = $1", [tenantId]);
  await copy(
    "outreach.campaign_recipients",
    ids
      .get("crm.contacts")!
      .filter(() => random.chance(0.4))
      .map((contact_id, i) => {
        const sent_at = random.chance(0.9) ? random.between(since, until) : null;
        const isOpened = sent_at !== null && random.chance(0.4);
        return {
          id: random.id(sent_at ?? until),
          campaign_id: campaigns[i % campaigns.length],
          contact_id,
          variant_id: variants[(i % campaigns.length) * 2 + (i % 2)],
          queued_at: sent_at,
          sent_at,
          delivered_at: sent_at,
          opened_at: isOpened ? until : null,
          clicked_at: isOpened && random.chance(0.3) ? until : null,
          bounced_at: sent_at !== null && !isOpened && random.chance(0.02) ? until : null,
          created_at: since,
        };
      }),
  );
}

async function seedMessages({
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
  const campaigns = ids.get("outreach.campaigns")!;
  const version = ids.get("outreach.template_versions")![0];
  await copy(
    "outreach.messages",
    Array.from({ length: Math.max(4, Math.round(size / 4)) }, (_, i) => {
      const at = random.between(since, until);
      return {
        id: random.id(at),
        contact_id: contacts[i % contacts.length],
        campaign_id: random.chance(0.5) ? campaigns[i % campaigns.length] : null,
        template_version_id: version,
        channel: "email",
        recipient_address: `someone${i}@example.com`,
        sender_address: "hello@example.com",
        subject: "Hello",
        body: random.faker.lorem.paragraph(),
        provider: "smtp",
        external_id: `smtp-${i}`,
        created_by: people[1]!.actorId,
        scheduled_at: at,
        created_at: at,
      };
    }),
    { remember: true },
  );
  const messages = ids.get("outreach.messages")!;
  for (const status of ["sending", "delivered"]) {
    await client.query("update outreach.messages set status = $2 where tenant_id = $1 and id <> $3", [
      tenantId,
      status,
      messages[0],
    ]);
  }
  await copy(
    "outreach.message_delivery_logs",
    messages
      .slice(1)
      .map((message_id) => ({ id: random.id(until), message_id, event: "delivered", occurred_at: until })),
  );
  for (const status of ["sending", "failed", "dead"]) {
    await client.query("update outreach.messages set status = $2 where tenant_id = $1 and id = $3", [
      tenantId,
      status,
      messages[0],
    ]);
  }
  await client.query(
    `insert into outreach.message_dead_letters (tenant_id, id, message_id, payload, error_message, attempt_count, failed_at)
     select $1, $2, $3, '{"to": "someone0@example.com"}', '550 no such user', 8, $4
     where not exists (select from outreach.message_dead_letters where tenant_id = $1)`,
    [tenantId, random.id(until), messages[0], until],
  );
}
