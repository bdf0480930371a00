import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Sender } from "../support/graphql-api.ts";
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

const insert = (work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId: acme.tenantId, actorId: acme.actorId }, work, { commit: true });

test("a blueprint is made, given steps and published, and its versions read", async () => {
  const made = await api.ask(
    manager,
    `mutation { createBlueprint(input: { blueprint: { name: "Enrich" } }) { blueprint { id } } }`,
  );
  const { id } = made.createBlueprint.blueprint;
  await api.ask(
    manager,
    `mutation ($id: ID!, $steps: JSON!) { createBlueprintVersion(input: { blueprintVersion: { blueprintId: $id, steps: $steps } }) { blueprintVersion { id } } }`,
    { id, steps: [{ name: "check_email", type: "email", config: {} }] },
  );
  const published = await api.ask(
    manager,
    `mutation ($id: ID!) { publishBlueprint(input: { blueprintId: $id }) { blueprint {
      publishedVersion { version status } versions { nodes { version steps } } runs { totalCount }
    } } }`,
    { id },
  );
  expect(published.publishBlueprint.blueprint).toEqual({
    publishedVersion: { version: 1, status: "PUBLISHED" },
    versions: { nodes: [{ version: 1, steps: [{ name: "check_email", type: "email", config: {} }] }] },
    runs: { totalCount: 0 },
  });
});

test("a run reads as one speaks of it: its blocks, its artifacts, their parents and successors, its cause", async () => {
  await insert(async (client) => {
    const blueprint = await insertInto(client, "pipeline.blueprints", { name: "Respond" });
    const version = await insertInto(client, "pipeline.blueprint_versions", { blueprint_id: blueprint.id });
    const source = await insertInto(client, "pipeline.webhook_sources", { name: "Twilio", provider: "twilio" });
    const call = { webhook_source_id: source.id, event_type: "sms.inbound", payload: { body: "Hi" } };
    const event = await insertInto(client, "pipeline.webhook_events", call);
    const run = await insertInto(client, "pipeline.pipeline_runs", {
      pipeline_name: "respond",
      blueprint_version_id: version.id,
      trigger_type: "webhook",
      webhook_event_id: event.id,
    });
    const outcome = { webhook_event_id: event.id, outcome: "processed", pipeline_run_id: run.id };
    await insertInto(client, "pipeline.webhook_event_outcomes", outcome);
    const block = { pipeline_run_id: run.id, block_index: 0, block_name: "reply" };
    await insertInto(client, "pipeline.block_executions", block);
    const data = { artifact_type: "sms_message", inline_data: { body: "Hello" }, pipeline_run_id: run.id };
    const parent = await insertInto(client, "pipeline.artifacts", { ...data, artifact_type: "sms_inbound" });
    const child = await insertInto(client, "pipeline.artifacts", data);
    await insertInto(client, "pipeline.artifacts", { ...data, supersedes_id: child.id });
    await insertInto(client, "pipeline.artifact_parents", { artifact_id: child.id, parent_id: parent.id });
  });
  const artifact = "artifactType version storageType";
  const { pipelineRuns } = await api.ask(
    manager,
    `{ pipelineRuns(first: 2, filter: { pipelineName: { equalTo: "respond" } }) { nodes {
      status triggerType triggeredBy { kind }
      blueprintVersion { blueprint { name runs(first: 2, orderBy: [ID_DESC]) { nodes { pipelineName } } } }
      blocks(first: 2) { nodes { blockName status } }
      artifacts(first: 5, orderBy: [ID_ASC]) { nodes {
        ${artifact} parents(first: 2) { nodes { ${artifact} } } children(first: 2) { nodes { ${artifact} } } supersedes { version } supersededBy { version }
      } }
      webhookEvent { source { name events { totalCount } } outcomes(first: 2) { nodes { outcome pipelineRun { pipelineName } } } runs { totalCount } }
    } } }`,
  );
  const inbound = { artifactType: "sms_inbound", version: 1, storageType: "INLINE" };
  const message = { ...inbound, artifactType: "sms_message" };
  const alone = { parents: { nodes: [] }, children: { nodes: [] }, supersedes: null, supersededBy: null };
  expect(pipelineRuns.nodes).toEqual([
    {
      status: "QUEUED",
      triggerType: "WEBHOOK",
      triggeredBy: { kind: "SYSTEM" },
      blueprintVersion: { blueprint: { name: "Respond", runs: { nodes: [{ pipelineName: "respond" }] } } },
      blocks: { nodes: [{ blockName: "reply", status: "PENDING" }] },
      artifacts: {
        nodes: [
          { ...inbound, ...alone, children: { nodes: [message] } },
          { ...message, ...alone, parents: { nodes: [inbound] }, supersededBy: { version: 2 } },
          { ...message, ...alone, version: 2, supersedes: { version: 1 } },
        ],
      },
      webhookEvent: {
        source: { name: "Twilio", events: { totalCount: 1 } },
        outcomes: { nodes: [{ outcome: "PROCESSED", pipelineRun: { pipelineName: "respond" } }] },
        runs: { totalCount: 1 },
      },
    },
  ]);
});

test("an API key shows its actor, and the actor its key; sessions, runs and artifacts are written by no client", async () => {
  await insert(async (client) => {
    await insertInto(client, "iam.api_keys", { name: "Importer", prefix: "rh_a1b2c3d4" });
  });
  const { apiKeys } = await api.ask(
    { ...acme, role: "admin" },
    `{ apiKeys { nodes { name prefix actor { label kind apiKey { name } } createdBy { kind } } } }`,
  );
  expect(apiKeys.nodes).toEqual([
    {
      name: "Importer",
      prefix: "rh_a1b2c3d4",
      actor: { label: "Importer", kind: "API_KEY", apiKey: { name: "Importer" } },
      createdBy: { kind: "SYSTEM" },
    },
  ]);
  for (const name of ["createSession", "createPipelineRun", "createArtifact"]) {
    const { errors } = await api.send({ ...acme, role: "admin" }, `mutation { ${name}(input: {}) { __typename } }`);
    expect(errors?.[0]?.message).toMatch(`Cannot query field "${name}"`);
  }
});

test("a system blueprint, a state that cannot be and a step that is none come back as errors that say so", async () => {
  await insert(async (client) => {
    await insertInto(client, "pipeline.blueprints", { name: "luci_enrich", is_system: true });
  });
  const { blueprints } = await api.ask(
    manager,
    `{ blueprints(filter: { name: { equalTo: "luci_enrich" } }) { nodes { id } } }`,
  );
  const { id } = blueprints.nodes[0];
  const removal = await api.send(
    manager,
    `mutation ($id: ID!) { deleteBlueprint(input: { id: $id }) { blueprint { id } } }`,
    { id },
  );
  expect(removal.errors?.[0]).toMatchObject({
    message: 'Blueprint "luci_enrich" is a system blueprint and cannot be deleted. Switch it off by isActive instead.',
    extensions: { code: "FORBIDDEN", field: "deletedAt" },
  });
  const empty = await api.send(
    manager,
    `mutation ($id: ID!) { publishBlueprint(input: { blueprintId: $id }) { blueprint { id } } }`,
    { id },
  );
  expect(empty.errors?.[0]).toMatchObject({ extensions: { code: "INVALID_STATE", field: "blueprintId" } });
});
