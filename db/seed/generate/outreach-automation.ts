import type { TenantSeed } from "./tenant-seed.ts";

const graph = {
  nodes: [
    { id: "start", type: "trigger", config: { event: "contact.created" } },
    { id: "wait", type: "delay", config: { days: 1 } },
    { id: "greet", type: "action", config: { template: "Welcome" } },
  ],
  edges: [
    { from: "start", to: "wait" },
    { from: "wait", to: "greet" },
  ],
};

/** Sequences and workflows with contacts on their way, an experiment, tasks, and attempts to reach leads. */
export async function seedAutomation(seed: TenantSeed): Promise<void> {
  await seedSequences(seed);
  await seedWorkflows(seed);
  await seedExperiment(seed);
  await seedTasks(seed);
}

async function seedSequences({ client, random, since, until, people, copy, ids, tenantId }: TenantSeed): Promise<void> {
  const created_by = people[1]!.actorId;
  await copy(
    "outreach.sequences",
    [{ id: random.id(since), name: "New customers", channel: "email", created_by, created_at: since }],
    { remember: true },
  );
  const [sequence_id] = ids.get("outreach.sequences")!;
  const templates = ids.get("outreach.templates")!;
  await copy(
    "outreach.sequence_steps",
    ["email", "wait", "email", "call"].map((type, i) => ({
      id: random.id(since),
      sequence_id,
      step_number: i + 1,
      type,
      template_id: type === "email" ? templates[i] : null,
      delay_days: i,
    })),
    { remember: true },
  );
  const steps = ids.get("outreach.sequence_steps")!;
  await client.query("update outreach.sequences set status = 'active' where tenant_id = $1", [tenantId]);
  await copy(
    "outreach.sequence_enrollments",
    ids
      .get("crm.contacts")!
      .filter((_, i) => i % 20 === 0)
      .map((contact_id) => ({
        id: random.id(until),
        sequence_id,
        contact_id,
        current_step_id: random.one(steps),
        assigned_to: random.one(people).actorId,
        enrolled_at: until,
      })),
    { remember: true },
  );
  const enrollments = ids.get("outreach.sequence_enrollments")!;
  const messages = ids.get("outreach.messages")!;
  await copy(
    "outreach.sequence_step_executions",
    enrollments.map((sequence_enrollment_id, i) => ({
      id: random.id(until),
      sequence_enrollment_id,
      sequence_step_id: steps[0],
      message_id: messages[i % messages.length],
    })),
  );
  await copy(
    "outreach.sequence_schedules",
    enrollments.map((sequence_enrollment_id) => ({
      id: random.id(until),
      sequence_enrollment_id,
      sequence_step_id: steps[1],
      scheduled_at: until,
    })),
  );
  await client.query("update outreach.sequence_enrollments set status = 'replied' where tenant_id = $1 and id = $2", [
    tenantId,
    enrollments[0],
  ]);
}

async function seedWorkflows({ client, random, since, until, people, copy, ids, tenantId }: TenantSeed): Promise<void> {
  await copy(
    "outreach.workflows",
    [{ id: random.id(since), name: "Welcome newcomers", created_by: people[1]!.actorId, created_at: since }],
    { remember: true },
  );
  const [workflow_id] = ids.get("outreach.workflows")!;
  await copy(
    "outreach.workflow_versions",
    [{ id: random.id(since), workflow_id, version: 1, trigger: { event: "contact.created" }, ...graph }],
    { remember: true },
  );
  await client.query("select outreach.publish_workflow($1)", [workflow_id]);
  const [workflow_version_id] = ids.get("outreach.workflow_versions")!;
  await copy(
    "outreach.workflow_runs",
    ids
      .get("crm.contacts")!
      .filter((_, i) => i % 25 === 0)
      .map((contact_id) => ({
        id: random.id(until),
        workflow_version_id,
        contact_id,
        current_node_id: "wait",
        started_by: people[1]!.actorId,
        started_at: until,
      })),
    { remember: true },
  );
  const runs = ids.get("outreach.workflow_runs")!;
  await copy(
    "outreach.workflow_run_steps",
    runs.map((workflow_run_id) => ({ id: random.id(until), workflow_run_id, node_id: "start", node_type: "trigger" })),
  );
  await copy(
    "outreach.workflow_schedules",
    runs.map((workflow_run_id) => ({ id: random.id(until), workflow_run_id, node_id: "wait", scheduled_at: until })),
  );
  await client.query("update outreach.workflow_runs set status = 'waiting' where tenant_id = $1", [tenantId]);
}

async function seedExperiment({ client, random, since, until, copy, ids, tenantId }: TenantSeed): Promise<void> {
  const sequence_step_id = ids.get("outreach.sequence_steps")![0];
  const [first, second] = ids.get("outreach.templates")!;
  await copy(
    "outreach.step_experiments",
    [{ id: random.id(since), sequence_step_id, name: "Which greeting", hypothesis: "Shorter is better." }],
    { remember: true },
  );
  const [step_experiment_id] = ids.get("outreach.step_experiments")!;
  await copy(
    "outreach.step_experiment_variants",
    [first, second].map((template_id, i) => ({
      id: random.id(since),
      step_experiment_id,
      name: i ? "B" : "A",
      template_id,
    })),
    { remember: true },
  );
  const variants = ids.get("outreach.step_experiment_variants")!;
  await client.query("update outreach.step_experiments set status = 'running' where tenant_id = $1", [tenantId]);
  await copy(
    "outreach.enrollment_variant_assignments",
    ids.get("outreach.sequence_enrollments")!.map((sequence_enrollment_id) => ({
      id: random.id(until),
      sequence_enrollment_id,
      step_experiment_id,
      step_experiment_variant_id: random.one(variants),
    })),
  );
}

async function seedTasks({ random, since, until, people, copy, ids }: TenantSeed): Promise<void> {
  const contacts = ids.get("crm.contacts")!;
  const leads = ids.get("crm.leads")!;
  await copy(
    "outreach.tasks",
    contacts
      .filter((_, i) => i % 10 === 0)
      .map((contact_id) => ({
        id: random.id(until),
        kind: random.one(["call", "email", "review"]),
        title: random.faker.lorem.sentence(4),
        contact_id,
        assigned_to: random.one(people).actorId,
        due_at: until,
      })),
  );
  await copy(
    "outreach.attempt_logs",
    leads.map((lead_id) => {
      const at = random.between(since, until);
      return {
        id: random.id(at),
        lead_id,
        campaign_context: "initial",
        channel: random.one(["phone", "sms", "email"]),
        attempted_by: random.one(people).actorId,
        attempted_at: at,
        created_at: at,
      };
    }),
    { remember: true },
  );
  await copy(
    "outreach.attempt_outcomes",
    ids.get("outreach.attempt_logs")!.map((attempt_log_id) => {
      const status = random.one(["delivered", "failed", "responded"]);
      return {
        id: random.id(until),
        attempt_log_id,
        status,
        response_type: status === "responded" ? random.one(["positive", "negative", "neutral"]) : null,
        occurred_at: until,
      };
    }),
  );
}
