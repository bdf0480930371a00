import type { TenantSeed } from "./tenant-seed.ts";

const blueprintNames = ["Enrich new leads", "Answer inbound messages", "Weekly clean-up", "Score properties"] as const;
const steps = [
  { name: "check_phone", type: "phone", config: { defaultCountry: "US" } },
  { name: "check_email", type: "email", config: {} },
  { name: "tag", type: "set", config: { values: { tag: "demo" } } },
];

/** Blueprints with their versions, automations, webhooks that came in, runs with their blocks and artifacts. */
export async function seedPipeline(seed: TenantSeed): Promise<void> {
  const { client, tenantId, ids } = seed;
  await seedBlueprints(seed);
  await seedWebhooks(seed);
  await seedRuns(seed);
  await seedArtifacts(seed);
  // New runs and blocks begin as queued and pending; they take the steps that a worker would take.
  for (const statement of [
    "update pipeline.pipeline_runs set status = 'running', started_at = created_at + interval '1 second'",
    "update pipeline.block_executions set status = 'running', started_at = created_at + interval '1 second'",
    `update pipeline.block_executions set status = 'completed', completed_at = started_at + interval '3 seconds',
       processed_count = 10, succeeded_count = 9, failed_count = 1`,
    `update pipeline.pipeline_runs set status = case when extract(epoch from created_at)::bigint % 7 = 0 then 'failed' else 'completed' end,
       completed_at = started_at + interval '10 seconds', stats = '{"totalRecords": 10, "processed": 10, "failed": 1}'`,
  ]) {
    await client.query(`${statement} where tenant_id = $1`, [tenantId]);
  }
  const artifacts = ids.get("pipeline.artifacts")!;
  await client.query(
    "update pipeline.pipeline_runs set input_artifact_id = $2, output_artifact_id = $3 where tenant_id = $1 and id = $4",
    [tenantId, artifacts[0], artifacts.at(-1), ids.get("pipeline.pipeline_runs")![0]],
  );
}

async function seedBlueprints({ client, random, since, people, tenantId, copy, ids }: TenantSeed): Promise<void> {
  await copy(
    "pipeline.blueprints",
    blueprintNames.map((name, i) => ({
      id: random.id(since),
      name,
      description: random.faker.lorem.sentence(),
      trigger_config: {},
      is_system: i === 0,
      created_by: people[0]!.actorId,
      created_at: since,
    })),
    { remember: true },
  );
  const blueprints = ids.get("pipeline.blueprints")!;
  await copy(
    "pipeline.blueprint_versions",
    blueprints.map((blueprint_id, i) => ({
      id: random.id(since),
      blueprint_id,
      version: 1,
      steps: steps.slice(0, 1 + (i % 3)),
      changelog: "First version.",
      created_by: people[0]!.actorId,
      created_at: since,
    })),
    { remember: true },
  );
  await client.query(
    `update pipeline.blueprint_versions set status = 'published', published_at = created_at, published_by = created_by where tenant_id = $1`,
    [tenantId],
  );
}

async function seedWebhooks({ random, since, until, people, copy, ids, size }: TenantSeed): Promise<void> {
  await copy(
    "pipeline.webhook_sources",
    ["stripe", "twilio"].map((provider) => ({
      id: random.id(since),
      name: `Demo ${provider}`,
      provider,
      signature_scheme: provider,
      // From the seed, unlike the token that the database would make.
      path_token: (random.id(since) + random.id(since)).replaceAll("-", ""),
      created_by: people[0]!.actorId,
    })),
    { remember: true },
  );
  const sources = ids.get("pipeline.webhook_sources")!;
  await copy(
    "pipeline.automations",
    ids
      .get("pipeline.blueprints")!
      .slice(0, 3)
      .map((blueprint_id, i) => ({
        id: random.id(since),
        blueprint_id,
        name: ["When a lead is made", "Every morning", "When somebody pays"][i],
        trigger_type: ["lead_created", "schedule", "webhook"][i],
        trigger_config: i === 1 ? { schedule: "0 9 * * *", timezone: "America/New_York" } : {},
        webhook_source_id: i === 2 ? sources[0] : null,
        created_by: people[1]!.actorId,
      })),
    { remember: true },
  );
  const count = Math.max(2, Math.round(size / 100));
  await copy(
    "pipeline.webhook_events",
    Array.from({ length: count }, (_, i) => {
      const at = random.between(since, until);
      return {
        id: random.id(at),
        webhook_source_id: sources[i % 2],
        event_type: i % 2 ? "sms.inbound" : "payment.completed",
        provider_event_id: `evt_${i}`,
        payload: { from: random.faker.phone.number({ style: "international" }), text: random.faker.lorem.sentence() },
        headers: { "content-type": "application/json" },
        signature: `v1,${random.below(1_000_000)}`,
        verdict: random.chance(0.02) ? "wrong_signature" : "valid",
        received_at: at,
        created_at: at,
      };
    }),
    { remember: true },
  );
}

async function seedRuns({ random, since, until, people, copy, ids, size }: TenantSeed): Promise<void> {
  const versions = ids.get("pipeline.blueprint_versions")!;
  const automations = ids.get("pipeline.automations")!;
  const runs = Array.from({ length: Math.max(3, Math.round(size / 200)) }, (_, i) => {
    const at = random.between(since, until);
    const isAutomatic = random.chance(0.7);
    return {
      id: random.id(at),
      blueprint_version_id: versions[i % versions.length],
      pipeline_name: ["luci_enrich", "gianna_respond", "weekly_clean_up"][i % 3],
      correlation_id: random.id(at),
      triggered_by: random.one(people).actorId,
      automation_id: isAutomatic ? automations[0] : null,
      trigger_type: isAutomatic ? "automation" : "manual",
      created_at: at,
    };
  });
  await copy("pipeline.pipeline_runs", runs, { remember: true });
  await copy(
    "pipeline.automation_runs",
    runs.map(({ id, created_at, correlation_id, automation_id }) => {
      const isSkipped = random.chance(0.3);
      return {
        id: random.id(created_at),
        automation_id: automations[0],
        status: isSkipped ? "skipped" : "succeeded",
        reason: isSkipped ? "The condition conditions.all[0] does not hold." : null,
        event_id: random.id(created_at),
        subject_type: "leads",
        correlation_id,
        pipeline_run_id: automation_id && !isSkipped ? id : null,
        attempt_count: isSkipped ? 0 : 1,
        started_at: isSkipped ? null : created_at,
        finished_at: created_at,
        created_at,
      };
    }),
  );
  await copy(
    "pipeline.block_executions",
    runs.flatMap((run) =>
      steps.map((step, block_index) => ({
        id: random.id(run.created_at),
        pipeline_run_id: run.id,
        block_index,
        block_name: step.name,
        created_at: run.created_at,
      })),
    ),
    { remember: true },
  );
  await copy(
    "pipeline.webhook_event_outcomes",
    ids.get("pipeline.webhook_events")!.map((webhook_event_id, i) => ({
      id: random.id(until),
      webhook_event_id,
      outcome: i % 5 ? "ignored" : "processed",
      pipeline_run_id: i % 5 ? null : runs[i % runs.length]!.id,
      processed_at: until,
    })),
  );
}

async function seedArtifacts({ random, copy, ids }: TenantSeed): Promise<void> {
  const runs = ids.get("pipeline.pipeline_runs")!;
  const blocks = ids.get("pipeline.block_executions")!;
  const artifacts = runs.flatMap((pipeline_run_id, i) => {
    const at = new Date(Number.parseInt(pipeline_run_id.replaceAll("-", "").slice(0, 12), 16));
    const shared = { pipeline_run_id, correlation_id: random.id(at), created_at: at };
    return [
      {
        id: random.id(at),
        ...shared,
        block_execution_id: null,
        artifact_type: "csv_import",
        inline_data: { rows: 10 },
      },
      {
        id: random.id(at),
        ...shared,
        block_execution_id: blocks[i * steps.length],
        artifact_type: "skiptrace_result",
        inline_data: { phones: [random.faker.phone.number({ style: "international" })] },
      },
    ];
  });
  // The database computes size and checksum of inline data; these only satisfy the columns.
  await copy(
    "pipeline.artifacts",
    artifacts.map((artifact) => ({ ...artifact, size_bytes: 0, checksum: "0".repeat(64) })),
    { remember: true },
  );
  await copy(
    "pipeline.artifact_parents",
    artifacts.flatMap((artifact, i) =>
      i % 2 ? [{ id: random.id(artifact.created_at), artifact_id: artifact.id, parent_id: artifacts[i - 1]!.id }] : [],
    ),
  );
}
