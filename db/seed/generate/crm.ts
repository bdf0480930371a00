import { people } from "./people.ts";
import type { TenantSeed } from "./tenant-seed.ts";

const tags = ["customer", "prospect", "vip", "newsletter", "event 2025", "partner"] as const;
const colors = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"] as const;
const labels = ["hot", "callback", "owner occupied", "out of state"] as const;
const moments = [
  ["note.added", "Wrote a note"],
  ["call.made", "Called"],
  ["message.received", "Wrote to us"],
  ["meeting.held", "Met"],
] as const;

/** Companies, contacts with everything that is known of them, and leads. */
export async function seedCrm(seed: TenantSeed): Promise<void> {
  await seedCompanies(seed);
  await seedContacts(seed);
  await seedLeads(seed);
  await seedMerges(seed);
}

/** A merge that was a mistake: history without anything to move. */
async function seedMerges({ random, until, people: members, copy, ids }: TenantSeed): Promise<void> {
  const [winner, loser] = ids.get("crm.contacts")!;
  if (!loser) return;
  const actor = members[0]!.actorId;
  await copy("crm.merges", [
    {
      id: random.id(until),
      winner_contact_id: winner,
      loser_contact_id: loser,
      survivorship: { title: "longest" },
      merged_by: actor,
      undone_by: actor,
      undone_at: until,
      created_at: until,
    },
  ]);
}

async function seedCompanies({ random, since, until, people: members, size, copy }: TenantSeed): Promise<void> {
  const { faker } = random;
  await copy(
    "crm.sectors",
    ["Healthcare", "Construction", "Software", "Real estate"].map((name) => ({ id: random.id(since), name })),
    { remember: true },
  );
  const rows = Array.from({ length: Math.max(2, Math.round(size / 5)) }, (_, i) => {
    const at = random.between(since, until);
    const name = faker.company.name();
    const slug = name.toLowerCase().replaceAll(/[^a-z]+/g, "-");
    return {
      id: random.id(at),
      name,
      domain: `${slug}-${i}.example`,
      website: `https://www.${slug}-${i}.example`,
      industry: random.one(["Healthcare", "Construction", "Software"]),
      sic_code: String(1000 + random.below(8999)),
      siren: random.chance(0.2) ? String(100_000_000 + random.below(899_999_999)) : null,
      naf_code: random.chance(0.2) ? "62.01Z" : null,
      employee_count: random.below(5000),
      annual_revenue_minor: random.below(1_000_000_000),
      currency: "USD",
      city: faker.location.city(),
      state: faker.location.state({ abbreviated: true }),
      country: "US",
      source_type: "csv_import",
      created_by: random.one(members).actorId,
      created_at: at,
    };
  });
  await copy("crm.companies", rows, { remember: true });
}

async function seedContacts(seed: TenantSeed): Promise<void> {
  const { random, since, until, people: members, size, copy, ids } = seed;
  const contacts: { id: string; at: Date; email: string; phone: string; title: string }[] = [];
  const artifacts = ids.get("pipeline.artifacts")!;
  await copy(
    "crm.contacts",
    people(random, size, (person) => {
      const at = random.between(since, until);
      const id = random.id(at);
      contacts.push({ id, at, email: person.email, phone: person.phone, title: random.one(["CEO", "CTO", "Buyer"]) });
      return {
        id,
        first_name: person.firstName,
        last_name: person.lastName,
        title: random.chance(0.3) ? "Dr" : null,
        status: random.chance(0.9) ? "active" : random.one(["inactive", "unsubscribed", "bounced"]),
        // As the identifiers below will have it: the trigger then finds nothing to change.
        primary_email: person.email,
        primary_phone_e164: person.phone,
        linkedin_url: random.chance(0.4) ? `https://www.linkedin.com/in/${id.slice(-12)}` : null,
        date_of_birth: random.chance(0.3)
          ? `19${50 + random.below(50)}-0${1 + random.below(9)}-1${random.below(10)}`
          : null,
        attributes: { score: random.below(100) },
        source_type: "csv_import",
        artifact_id: random.chance(0.05) ? random.one(artifacts) : null,
        created_by: random.one(members).actorId,
        created_at: at,
      };
    }),
    { remember: true },
  );
  const companies = ids.get("crm.companies")!;
  await copy("crm.channel_identifiers", identifiers(seed, contacts));
  await copy(
    "crm.positions",
    contacts
      .filter(() => random.chance(0.8))
      .map(({ id, at, title, email }) => ({
        id: random.id(at),
        contact_id: id,
        company_id: random.one(companies),
        title,
        department: random.one(["Sales", "IT", "Finance"]),
        email: `work.${email}`,
        is_primary: true,
        created_at: at,
      })),
  );
  await copy(
    "crm.contact_tags",
    tags.map((name, i) => ({ id: random.id(since), name, color: colors[i], created_by: members[0]!.actorId })),
    { remember: true },
  );
  const tagIds = ids.get("crm.contact_tags")!;
  await copy(
    "crm.contact_tag_mapping",
    contacts
      .filter(() => random.chance(0.6))
      .map(({ id, at }) => ({ id: random.id(at), contact_id: id, contact_tag_id: random.one(tagIds), created_at: at })),
  );
  await copy("crm.contact_timeline_events", timeline(seed, contacts));
  const some = contacts.filter((_, i) => i % 4 === 0);
  await copy(
    "crm.contact_consents",
    some.map(({ id, at }) => ({
      id: random.id(at),
      contact_id: id,
      channel: "email",
      purpose: "marketing",
      is_granted: random.chance(0.85),
      method: "form",
      proof: { form: "newsletter" },
      decided_at: at,
      created_at: at,
    })),
  );
  await copy(
    "crm.contact_attributes",
    some.map(({ id, at }) => ({
      id: random.id(at),
      contact_id: id,
      key: "loyalty_level",
      data_type: "number",
      value: random.below(5),
      created_at: at,
    })),
  );
  await copy(
    "crm.contact_addresses",
    some.map(({ id, at }) => ({
      id: random.id(at),
      contact_id: id,
      address_line1: random.faker.location.streetAddress(),
      city: random.faker.location.city(),
      state: "WA",
      postal_code: "98174",
      country: "US",
      created_at: at,
    })),
  );
}

function* identifiers(
  { random }: TenantSeed,
  contacts: readonly { id: string; at: Date; email: string; phone: string }[],
) {
  for (const { id, at, email, phone } of contacts) {
    const shared = { contact_id: id, is_primary: true, source: "import", created_at: at };
    yield { id: random.id(at), channel: "email", identifier: email, ...shared };
    yield { id: random.id(at), channel: "phone", identifier: phone, ...shared };
  }
}

function* timeline({ random, until, people: members }: TenantSeed, contacts: readonly { id: string; at: Date }[]) {
  for (const { id, at } of contacts) {
    for (let i = random.below(4); i >= 0; i--) {
      const occurred_at = random.between(at, until);
      const [event_type, title] = random.one(moments);
      const actor_id = random.one(members).actorId;
      yield {
        id: random.id(occurred_at),
        contact_id: id,
        event_type,
        title,
        actor_id,
        occurred_at,
        created_at: occurred_at,
      };
    }
  }
}

async function seedLeads({ random, since, until, people: members, size, copy, ids }: TenantSeed): Promise<void> {
  const [sectors, companies, runs, contacts] = [
    "crm.sectors",
    "crm.companies",
    "pipeline.pipeline_runs",
    "crm.contacts",
  ].map((table) => ids.get(table)!) as [string[], string[], string[], string[]];
  await copy(
    "crm.leads",
    people(random, Math.max(3, Math.round(size / 4)), (person, i) => {
      const at = random.between(since, until);
      return {
        id: random.id(at),
        sector_id: random.one(sectors),
        company_id: random.chance(0.7) ? random.one(companies) : null,
        source_type: "csv_import",
        source_id: `row-${i}`,
        import_run_id: random.one(runs),
        company_name: person.company,
        first_name: person.firstName,
        last_name: person.lastName,
        contact_name: `${person.firstName} ${person.lastName}`,
        phone: person.phone,
        phone_e164: person.phone,
        email: person.email,
        address_line1: person.street,
        city: person.city,
        state: person.state,
        postal_code: person.zip,
        country: "US",
        enrichment_status: random.one(["pending", "completed", "completed"]),
        status: random.one(["new", "new", "contacted", "qualified", "converted", "dnc"]),
        campaign_status: random.one(["initial", "retarget", "nurture"]),
        priority_score: random.below(100),
        is_decision_maker: random.chance(0.2),
        flags: random.chance(0.1) ? { doNotCall: true } : {},
        raw_data: { line: i },
        assigned_to: random.one(members).actorId,
        created_at: at,
      };
    }),
    { remember: true },
  );
  const leads = ids.get("crm.leads")!;
  await copy(
    "crm.lead_contacts",
    leads.map((lead_id, i) => ({
      id: random.id(until),
      lead_id,
      contact_id: contacts[i % contacts.length],
      is_primary: true,
    })),
  );
  await copy(
    "crm.lead_labels",
    labels.map((name, i) => ({ id: random.id(since), name, color: colors[i] })),
    { remember: true },
  );
  const labelIds = ids.get("crm.lead_labels")!;
  await copy(
    "crm.lead_label_mapping",
    leads
      .filter((_, i) => i % 2 === 0)
      .map((lead_id) => ({ id: random.id(until), lead_id, lead_label_id: random.one(labelIds) })),
  );
}
