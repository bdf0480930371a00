import type { TenantSeed } from "./tenant-seed.ts";

/** Groups of entries, rules about whom to leave alone, scores of numbers, and places that exports go to. */
export async function seedListGroups({ random, since, until, people, copy, ids }: TenantSeed): Promise<void> {
  const created_by = people[0]!.actorId;
  const entries = ids.get("lists.list_entries")!;
  const lists = ids.get("lists.lists")!;
  await copy(
    "lists.data_groups",
    [
      { id: random.id(since), list_id: null, name: "Right party", kind: "rpc", tag: "rpc", created_by },
      { id: random.id(since), list_id: lists[0], name: "Call first", kind: "custom", tag: null, created_by },
    ],
    { remember: true },
  );
  const [data_group_id] = ids.get("lists.data_groups")!;
  await copy(
    "lists.data_group_entries",
    entries
      .filter((_, i) => i % 5 === 0)
      .map((list_entry_id) => ({ id: random.id(until), data_group_id, list_entry_id })),
  );
  const rule = { effect: "reject", scope: "both", created_by };
  await copy("lists.filter_rules", [
    { id: random.id(since), match_type: "domain", value: "competitor.example", reason: "A competitor.", ...rule },
    { id: random.id(since), match_type: "area_code", value: "900", reason: "Costs extra.", ...rule },
    { id: random.id(since), match_type: "phone", value: "+12065550100", reason: "Asked to be left alone.", ...rule },
  ]);
  await copy(
    "lists.rpc_scores",
    entries
      .filter((_, i) => i % 5 === 0)
      .map((list_entry_id) => {
        const score = random.below(1000) / 1000;
        return {
          id: random.id(until),
          list_entry_id,
          name: "Somebody",
          phone_e164: "+12065550101",
          features: { nameSimilarity: score },
          score,
          verdict: score > 0.7 ? "right_party" : score < 0.3 ? "wrong_party" : "unknown",
          method: "record-linkage",
          method_version: "1",
          created_at: until,
        };
      }),
  );
  await copy(
    "lists.connections",
    [
      {
        id: random.id(since),
        name: "Receiver",
        kind: "webhook",
        config: { url: "https://example.com/in" },
        column_mapping: [{ column: "email", name: "E-mail" }],
        created_by,
      },
    ],
    { remember: true },
  );
  await copy("lists.export_deliveries", [
    {
      id: random.id(until),
      export_job_id: ids.get("lists.export_jobs")![0],
      connection_id: ids.get("lists.connections")![0],
      destination: "https://example.com/in",
    },
  ]);
}
