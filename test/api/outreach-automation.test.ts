import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";

let database: TestDatabase;
let api: GraphqlApi;
let acme: Sender;
let manager: Sender;

beforeAll(async () => {
  database = await createTestDatabase();
  acme = await createTenant(database, "acme");
  manager = { ...acme, role: "manager" };
  api = await startGraphqlApi(database);
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const asSystem = <T>(work: (client: PoolClient) => Promise<T>) =>
  asTenant(database, { tenantId: acme.tenantId, actorId: acme.actorId }, work, { commit: true });

async function create(type: string, value: object, fields = "id rowId"): Promise<Json> {
  const Type = type[0]!.toUpperCase() + type.slice(1);
  const document = `mutation ($it: ${Type}Input!) { create${Type}(input: { ${type}: $it }) { ${type} { ${fields} } } }`;
  return (await api.ask(acme, document, { it: value }))[`create${Type}`][type];
}

test("a sequence is made with its steps, put into order, and read with who goes through it", async () => {
  const sequence = await create(
    "sequence",
    {
      name: "Newcomers",
      steps: [
        { stepNumber: 1, type: "TASK", name: "Look" },
        { stepNumber: 2, type: "WAIT", delayDays: 2 },
        { stepNumber: 3, type: "CALL", name: "Call" },
      ],
    },
    "id rowId steps(orderBy: STEP_NUMBER_ASC) { nodes { id rowId type } }",
  );
  const [look, wait, call] = sequence.steps.nodes;
  const reorder = `mutation ($id: ID!, $steps: [ID!]!) { reorderSequenceSteps(input: { sequenceId: $id, stepIds: $steps }) {
    sequence { steps(orderBy: STEP_NUMBER_ASC) { nodes { stepNumber type } } } } }`;
  const { reorderSequenceSteps } = await api.ask(acme, reorder, {
    id: sequence.id,
    steps: [call.id, look.id, wait.id],
  });
  expect(reorderSequenceSteps.sequence.steps.nodes).toEqual([
    { stepNumber: 1, type: "CALL" },
    { stepNumber: 2, type: "TASK" },
    { stepNumber: 3, type: "WAIT" },
  ]);
  const { errors } = await api.send(acme, reorder, { id: sequence.id, steps: [call.id] });
  expect(errors).toMatchObject([
    { extensions: { code: "VALIDATION_FAILED", field: "stepIds", details: { expected: 3, given: 1 } } },
  ]);
  const others = await api.send(acme, reorder, { id: sequence.id, steps: [sequence.id, look.id, wait.id] });
  expect(others.errors).toMatchObject([{ extensions: { code: "VALIDATION_FAILED" } }]);

  const contact = await create("contact", { firstName: "Ann" });
  const enrollment = await create("sequenceEnrollment", { sequenceId: sequence.id, contactId: contact.id });
  await create("task", { title: "Call Ann", kind: "CALL", contactId: contact.id, sequenceEnrollmentId: enrollment.id });
  await asSystem(async (client) => {
    const place = { sequence_enrollment_id: enrollment.rowId, sequence_step_id: call.rowId };
    const go = "update outreach.sequence_enrollments set current_step_id = $1";
    await client.query(go, [call.rowId]);
    await insertInto(client, "outreach.sequence_step_executions", place);
    await insertInto(client, "outreach.sequence_schedules", { ...place, scheduled_at: "2030-01-01Z" });
  });
  const screen = await api.ask(
    acme,
    `query ($id: ID!) { sequence(id: $id) {
      status enrollmentCount
      enrollments(filter: { status: { equalTo: ACTIVE } }) { nodes {
        contact { firstName tasks { nodes { title kind status enrollment { id } } } sequenceEnrollments { nodes { id } } }
        currentStep { name currentEnrollments { nodes { id } } }
        executions { nodes { status attemptNumber step { name } enrollment { id } } }
        schedules { nodes { scheduledAt processedAt step { name } } }
      } }
    } }`,
    { id: sequence.id },
  );
  const it = { id: enrollment.id };
  expect(screen.sequence).toEqual({
    status: "DRAFT",
    enrollmentCount: "1",
    enrollments: {
      nodes: [
        {
          contact: {
            firstName: "Ann",
            tasks: { nodes: [{ title: "Call Ann", kind: "CALL", status: "OPEN", enrollment: it }] },
            sequenceEnrollments: { nodes: [it] },
          },
          currentStep: { name: "Call", currentEnrollments: { nodes: [it] } },
          executions: { nodes: [{ status: "PENDING", attemptNumber: 1, step: { name: "Call" }, enrollment: it }] },
          schedules: {
            nodes: [{ scheduledAt: expect.stringMatching(/^2030/), processedAt: null, step: { name: "Call" } }],
          },
        },
      ],
    },
  });
  const move = `mutation ($id: ID!, $to: EnrollmentStatus!) { updateSequenceEnrollment(input: { id: $id, patch: { status: $to } }) {
    sequenceEnrollment { status pausedAt } } }`;
  const moved = await api.ask(acme, move, { id: enrollment.id, to: "CANCELLED" });
  expect(moved.updateSequenceEnrollment.sequenceEnrollment.status).toBe("CANCELLED");
  const back = await api.send(acme, move, { id: enrollment.id, to: "ACTIVE" });
  expect(back.errors).toMatchObject([
    { extensions: { code: "INVALID_STATE", field: "status", details: { from: "cancelled", possible: [] } } },
  ]);
});

test("a workflow is drawn, published, drawn anew, and read with its versions and runs", async () => {
  const nodes = [
    { id: "start", type: "trigger" },
    { id: "greet", type: "action" },
  ];
  const workflow = await create("workflow", { name: "Welcome", versions: [{ nodes, edges: [] }] });
  const publish = `mutation ($id: ID!) { publishWorkflow(input: { workflowId: $id }) { workflow {
    status publishedVersion { id rowId version } } } }`;
  const crooked = await api.send(manager, publish, workflow);
  expect(crooked.errors).toMatchObject([
    {
      message: "No way leads from the trigger to node greet. Connect it or remove it.",
      extensions: { code: "VALIDATION_FAILED", field: "edges" },
    },
  ]);
  const draft = await api.ask(acme, `query ($id: ID!) { workflow(id: $id) { versions { nodes { id } } } }`, workflow);
  await api.ask(
    acme,
    `mutation ($id: ID!, $edges: JSON!) { updateWorkflowVersion(input: { id: $id, patch: { edges: $edges } }) { workflowVersion { id } } }`,
    { id: draft.workflow.versions.nodes[0].id, edges: [{ from: "start", to: "greet" }] },
  );
  expect((await api.send(acme, publish, workflow)).errors).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
  const { publishWorkflow } = await api.ask(manager, publish, workflow);
  expect(publishWorkflow.workflow).toMatchObject({ status: "ACTIVE", publishedVersion: { version: 1 } });
  const contact = await create("contact", { firstName: "Bob" });
  await asSystem(async (client) => {
    const run = await insertInto(client, "outreach.workflow_runs", {
      workflow_version_id: publishWorkflow.workflow.publishedVersion.rowId,
      contact_id: contact.rowId,
      current_node_id: "greet",
    });
    const step = { workflow_run_id: run.id, node_id: "start", node_type: "trigger" };
    await insertInto(client, "outreach.workflow_run_steps", step);
  });
  const next = await api.ask(
    acme,
    `mutation ($id: ID!) { newWorkflowVersion(input: { workflowId: $id, changelog: "Warmer" }) { workflowVersion {
      version status nodes workflow { name } } } }`,
    workflow,
  );
  expect(next.newWorkflowVersion.workflowVersion).toEqual({
    ...{ version: 2, status: "DRAFT", nodes, workflow: { name: "Welcome" } },
  });
  const screen = await api.ask(
    acme,
    `query ($id: ID!) { workflow(id: $id) {
      versions(orderBy: VERSION_ASC) { nodes { version status } }
      runs { totalCount nodes { status currentNodeId version { version } contact { firstName } steps { nodes { nodeId nodeType status run { status } } } } }
      none: runs(filter: { status: { equalTo: FAILED } }) { totalCount }
    } }`,
    workflow,
  );
  expect(screen.workflow).toEqual({
    versions: {
      nodes: [
        { version: 1, status: "PUBLISHED" },
        { version: 2, status: "DRAFT" },
      ],
    },
    runs: {
      totalCount: 1,
      nodes: [
        {
          status: "RUNNING",
          currentNodeId: "greet",
          version: { version: 1 },
          contact: { firstName: "Bob" },
          steps: {
            nodes: [{ nodeId: "start", nodeType: "TRIGGER", status: "PENDING", run: { status: "RUNNING" } }],
          },
        },
      ],
    },
    none: { totalCount: 0 },
  });
});

test("an experiment is made with its variants, and its winner chosen", async () => {
  const prompt = await create("prompt", { name: "Short", userText: "Write." });
  const { steps } = await create(
    "sequence",
    { name: "Tried", steps: [{ stepNumber: 1, type: "EMAIL" }] },
    "steps { nodes { id } }",
  );
  const experiment = await create(
    "stepExperiment",
    {
      sequenceStepId: steps.nodes[0].id,
      name: "Which",
      variants: ["A", "B"].map((name) => ({ name, promptId: prompt.id })),
    },
    "id step { type } variants(orderBy: ID_ASC) { nodes { id name isWinner } }",
  );
  const choose = `mutation ($id: ID!) { chooseExperimentWinner(input: { stepExperimentVariantId: $id }) { stepExperiment {
    status variants(orderBy: ID_ASC) { nodes { name isWinner } } } } }`;
  const winner = { id: experiment.variants.nodes[1].id };
  expect((await api.send(manager, choose, winner)).errors).toMatchObject([{ extensions: { code: "INVALID_STATE" } }]);
  await api.ask(
    acme,
    `mutation ($id: ID!) { updateStepExperiment(input: { id: $id, patch: { status: RUNNING } }) { stepExperiment { id } } }`,
    experiment,
  );
  const { chooseExperimentWinner } = await api.ask(manager, choose, winner);
  expect(chooseExperimentWinner.stepExperiment).toEqual({
    status: "DECIDED",
    variants: {
      nodes: [
        { name: "A", isWinner: false },
        { name: "B", isWinner: true },
      ],
    },
  });
});

test("a lead is read with its attempts and what became of them", async () => {
  const lead = await create("lead", { companyName: "Initech" });
  const context = { leadId: lead.id, campaignContext: "INITIAL", channel: "SMS" };
  for (const attemptedAt of ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]) {
    const { id } = await create("attemptLog", { ...context, attemptedAt });
    await create("attemptOutcome", { attemptLogId: id, status: "DELIVERED", occurredAt: attemptedAt });
    const answer = { attemptLogId: id, status: "RESPONDED", responseType: "POSITIVE" };
    await create("attemptOutcome", { ...answer, occurredAt: "2026-02-01T00:00:00Z" });
  }
  const { lead: read } = await api.ask(
    acme,
    `query ($id: ID!) { lead(id: $id) { attemptCount lastAttemptAt lastResponseAt
      attempts(orderBy: ATTEMPT_NUMBER_DESC, first: 1) { nodes {
        attemptNumber direction status deliveredAt respondedAt responseType
        outcomes(orderBy: OCCURRED_AT_ASC) { nodes { status responseType attempt { attemptNumber } } } } } } }`,
    lead,
  );
  const time = (start: string) => expect.stringMatching(new RegExp(`^${start}`));
  expect(read).toEqual({
    attemptCount: 2,
    lastAttemptAt: time("2026-01-02"),
    lastResponseAt: time("2026-02-01"),
    attempts: {
      nodes: [
        {
          ...{ attemptNumber: 2, direction: "OUTBOUND", status: "RESPONDED", responseType: "POSITIVE" },
          ...{ deliveredAt: time("2026-01-02"), respondedAt: time("2026-02-01") },
          outcomes: {
            nodes: [
              { status: "DELIVERED", responseType: null, attempt: { attemptNumber: 2 } },
              { status: "RESPONDED", responseType: "POSITIVE", attempt: { attemptNumber: 2 } },
            ],
          },
        },
      ],
    },
  });
});
