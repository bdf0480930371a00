import { createHash } from "node:crypto";
import type { SeedRow } from "./copy-rows.ts";
import { type Person, people } from "./people.ts";
import type { TenantSeed } from "./tenant-seed.ts";

const blocks = ["name", "email", "phone", "address"] as const;

/** Lists with what was imported into them, learnt about them, and exported from them. */
export async function seedLists(seed: TenantSeed): Promise<void> {
  await seedImports(seed);
  await seedEntries(seed);
  await seedEnrichment(seed);
  await seedExports(seed);
}

async function seedImports({ random, since, people: members, copy, ids, size }: TenantSeed): Promise<void> {
  const count = Math.max(1, Math.min(50, Math.round(size / 2000)));
  await copy(
    "lists.lists",
    Array.from({ length: count }, (_, i) => ({
      id: random.id(since),
      name: `${random.faker.location.state()} ${random.faker.commerce.department()} ${i + 1}`,
      description: random.faker.lorem.sentence(),
      columns: [
        { name: "Name", mappedTo: "full_name" },
        { name: "Mail", mappedTo: "email" },
      ],
      metadata: { source: "fair", year: 2024 + (i % 3) },
      created_by: random.one(members).actorId,
      created_at: since,
    })),
    { remember: true },
  );
  await copy(
    "lists.list_imports",
    ids.get("lists.lists")!.map((list_id, i) => ({
      id: random.id(since),
      list_id,
      status: "completed",
      file_name: `list-${i + 1}.csv`,
      format: "csv",
      encoding: "utf-8",
      delimiter: ",",
      mapping: { Name: "full_name", Mail: "email" },
      headers: ["Name", "Mail"],
      byte_count: 100_000,
      sha256: sha256(list_id),
      line_count: 1001,
      accepted_count: 999,
      rejected_count: 1,
      inserted_count: 999,
      started_by: random.one(members).actorId,
      upload_started_at: since,
      uploaded_at: since,
      completed_at: since,
      created_at: since,
    })),
    { remember: true },
  );
}

async function seedEntries(seed: TenantSeed): Promise<void> {
  const { random, since, until, copy, ids, size } = seed;
  const lists = ids.get("lists.lists")!;
  const imports = ids.get("lists.list_imports")!;
  const entry = (person: Person, i: number): SeedRow => {
    const at = random.between(since, until);
    const isEnriched = random.chance(0.8);
    return {
      id: random.id(at),
      list_id: lists[i % lists.length],
      list_import_id: imports[i % lists.length],
      line_number: 2 + Math.floor(i / lists.length),
      enrichment_status: isEnriched ? "enriched" : "pending",
      data: { Name: `${person.firstName} ${person.lastName}`, Mail: person.email },
      tag: random.chance(0.2) ? random.one(["hot", "cold", "call again"]) : null,
      score: random.below(1000) / 1000,
      full_name: `${person.firstName} ${person.lastName}`,
      first_name: person.firstName,
      last_name: person.lastName,
      company_name: person.company,
      name_status: isEnriched ? "valid" : "unknown",
      email: person.email,
      email_domain: person.email.split("@")[1],
      email_status: isEnriched ? "valid" : "unknown",
      phone: person.phone,
      phone_e164: person.phone,
      phone_status: isEnriched ? "valid" : "unknown",
      address_line1: person.street,
      city: person.city,
      state: person.state,
      postal_code: person.zip,
      country: "US",
      address_status: isEnriched ? "valid" : "unknown",
      enriched_at: isEnriched ? at : null,
      created_at: at,
    };
  };
  await copy("lists.list_entries", people(random, Math.max(5, Math.round(size / 2)), entry), { remember: true });
  await copy(
    "lists.list_import_rows",
    imports.map((list_import_id) => ({
      id: random.id(since),
      list_import_id,
      line_number: 1001,
      outcome: "rejected",
      reason_code: "TOO_FEW_FIELDS",
      reason: "The line has 1 field, the header has 2.",
      raw: "broken line",
      created_at: since,
    })),
  );
}

async function seedEnrichment({ random, since, until, people: members, copy, ids }: TenantSeed): Promise<void> {
  const entries = ids.get("lists.list_entries")!;
  await copy(
    "lists.enrichment_plans",
    ids.get("lists.lists")!.map((list_id) => ({
      id: random.id(since),
      list_id,
      name: "Check everything",
      is_auto_run: true,
      run_count: 1,
      last_run_at: until,
      created_by: random.one(members).actorId,
      created_at: since,
    })),
    { remember: true },
  );
  const plans = ids.get("lists.enrichment_plans")!;
  await copy(
    "lists.enrichment_plan_steps",
    plans.flatMap((enrichment_plan_id) =>
      blocks.map((block, i) => ({
        id: random.id(since),
        enrichment_plan_id,
        position: i + 1,
        block,
        created_at: since,
      })),
    ),
  );
  await copy(
    "lists.enrichment_queue_jobs",
    plans.map((enrichment_plan_id, i) => ({
      id: random.id(since),
      enrichment_plan_id,
      list_id: ids.get("lists.lists")![i],
      run_number: 1,
      batch_number: 1,
      first_entry_id: entries[0],
      last_entry_id: entries.at(-1),
      status: "succeeded",
      entry_count: 1000,
      processed_count: 1000,
      changed_count: 900,
      attempt_count: 1,
      started_at: until,
      finished_at: until,
      created_at: until,
    })),
    { remember: true },
  );
  const jobs = ids.get("lists.enrichment_queue_jobs")!;
  await copy(
    "lists.enrichment_results",
    entries
      .filter((_, i) => i % 10 === 0)
      .map((list_entry_id, i) => ({
        id: random.id(until),
        list_entry_id,
        block: "email",
        enrichment_queue_job_id: jobs[i % jobs.length],
        status: random.one(["found", "unchanged", "invalid"]),
        found: { emailStatus: "valid" },
        provenance: { emailStatus: { source: "syntax", version: "1" } },
        cost_minor: random.below(3),
        created_at: until,
      })),
  );
}

async function seedExports({ random, until, people: members, copy, ids }: TenantSeed): Promise<void> {
  await copy(
    "lists.export_jobs",
    ids.get("lists.lists")!.map((list_id) => ({
      id: random.id(until),
      list_id,
      // Its file is long gone: generated rows come without files.
      status: "expired",
      columns: ["full_name", "email"],
      total_count: 1000,
      row_count: 1000,
      byte_count: 64_000,
      started_by: random.one(members).actorId,
      started_at: until,
      finished_at: until,
      created_at: until,
    })),
    { remember: true },
  );
  await copy(
    "lists.export_files",
    ids.get("lists.export_jobs")!.map((export_job_id) => ({
      id: random.id(until),
      export_job_id,
      file_name: "entries.csv",
      storage_key: `seed/${export_job_id}`,
      content_type: "text/csv",
      byte_count: 64_000,
      row_count: 1000,
      sha256: sha256(export_job_id),
      expires_at: new Date(until.getTime() + 3650 * 86_400_000),
      created_at: until,
    })),
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
