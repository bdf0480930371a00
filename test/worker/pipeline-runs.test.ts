import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { WorkerApp } from "../../worker/app.ts";
import { prepareStep, stepTypes, type PrepareStep } from "../../worker/pipelines/steps.ts";
import { runPipelineWith } from "../../worker/tasks/run-pipeline.ts";
import type { Json } from "../support/graphql-api.ts";
import { inTenant, skipPauses, startTestWorker, testConfig } from "../support/jobs.ts";
import { startFreezingRunner } from "../support/pipeline-process.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let folder: string;
let ann: Somebody;
let worker: WorkerApp | undefined;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), "runs-"));
  ann = await createSomebody(server, "manager");
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});
afterAll(async () => {
  await server?.remove();
  await rm(folder, { recursive: true, force: true });
});

async function work(prepare?: PrepareStep): Promise<void> {
  const tasks = prepare && { tasks: [runPipelineWith(prepare)] };
  worker = await startTestWorker(server.database, { config: testConfig(folder), ...tasks });
}

const ask = async (query: string, variables: object = {}, token = ann.token()) => {
  const { data, errors } = await server.post(query, { token, variables });
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
};

interface Step {
  readonly name: string;
  readonly type: string;
  readonly config: object;
}
const step = (type: string, config: object = {}, name = type): Step => ({ name, type, config });

let count = 0;
async function makeBlueprint(...steps: Step[]): Promise<string> {
  const made = await ask(
    `mutation ($name: String!) { createBlueprint(input: { blueprint: { name: $name } }) { blueprint { id } } }`,
    { name: `Blueprint ${++count}` },
  );
  const { id } = made.createBlueprint.blueprint;
  await ask(
    `mutation ($id: ID!, $steps: JSON!) { createBlueprintVersion(input: { blueprintVersion: { blueprintId: $id, steps: $steps } }) { blueprintVersion { id } } }`,
    { id, steps },
  );
  return id;
}

const publish = (id: string) =>
  server.post(`mutation ($id: ID!) { publishBlueprint(input: { blueprintId: $id }) { blueprint { id } } }`, {
    token: ann.token(),
    variables: { id },
  });

const start = (blueprintId: string, input: unknown, token = ann.token("member")) =>
  server.post(
    `mutation ($id: ID!, $input: JSON!) { startPipelineRun(input: { blueprintId: $id, input: $input }) { pipelineRun { id } } }`,
    { token, variables: { id: blueprintId, input } },
  );

async function startRun(input: unknown, ...steps: Step[]): Promise<string> {
  const id = await makeBlueprint(...steps);
  expect((await publish(id)).errors).toBeUndefined();
  return (await start(id, input)).data.startPipelineRun.pipelineRun.id;
}

const runQuery = `query ($id: ID!) { pipelineRun(id: $id) {
  status triggerType errorCode errorMessage stats retryCount startedAt completedAt
  outputArtifact { id inlineData storageType parents { nodes { id } } }
  blocks(orderBy: [BLOCK_INDEX_ASC]) { nodes { blockName status processedCount succeededCount failedCount retryCount completedAt
    inputArtifact { id } outputArtifact { id parents { nodes { id } } } } }
} }`;
const read = async (id: string) => (await ask(runQuery, { id })).pipelineRun;

const untilEnded = (id: string) =>
  until(`run ${id} has ended`, async () => {
    const run = await read(id);
    return ["COMPLETED", "FAILED", "CANCELLED"].includes(run.status) && run;
  });

describe("a run", () => {
  test("takes records through the steps, and keeps what each of them brought", async () => {
    const filter = { rule: { all: [{ field: "emailStatus", operator: "equals", value: "valid" }] } };
    const id = await startRun(
      [{ fullName: "Ann", email: " Ann@Gmail.com ", phone: "(212) 736-5000", own: { a: 1 } }, { email: "nobody" }],
      step("email"),
      step("phone"),
      step("filter", filter),
      step("set", { values: { tag: "reachable" }, copy: { mail: "email" }, remove: ["own"] }),
    );
    await work();
    const run = await untilEnded(id);
    expect(run).toMatchObject({
      ...{ status: "COMPLETED", triggerType: "MANUAL", errorCode: null },
      stats: { totalRecords: 2, outputRecords: 1, failed: 0 },
    });
    expect(run.outputArtifact.inlineData).toEqual([
      expect.objectContaining({
        ...{ fullName: "Ann", email: "ann@gmail.com", mail: "ann@gmail.com", emailStatus: "valid", isEmailFree: true },
        ...{ phoneE164: "+12127365000", tag: "reachable" },
      }),
    ]);
    expect(run.outputArtifact.inlineData[0]).not.toHaveProperty("own");
    const blocks = run.blocks.nodes;
    expect(blocks.map((each: Json) => [each.blockName, each.status, each.processedCount, each.retryCount])).toEqual([
      ["email", "COMPLETED", "2", 0],
      ["phone", "COMPLETED", "2", 0],
      ["filter", "COMPLETED", "2", 0],
      ["set", "COMPLETED", "1", 0],
    ]);
    for (const [i, block] of blocks.entries()) {
      expect(block.outputArtifact.parents.nodes).toEqual([block.inputArtifact]);
      if (i > 0) expect(block.inputArtifact.id).toBe(blocks[i - 1].outputArtifact.id);
    }
    expect(blocks.at(-1).outputArtifact.id).toBe(run.outputArtifact.id);
  });

  test("of more than a row holds keeps it in files, and reads them again", async () => {
    const values = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`field${i}`, "x".repeat(50)]));
    const records = Array.from({ length: 250 }, (_, i) => ({ n: i }));
    const rule = { field: "n", operator: "less_than", value: 3 };
    const id = await startRun(
      records,
      step("set", { values }),
      step("set", { copy: { m: "n" } }, "again"),
      step("filter", { rule }),
    );
    await work();
    const run = await untilEnded(id);
    expect(run).toMatchObject({ status: "COMPLETED", stats: { totalRecords: 250, outputRecords: 3 } });
    expect(run.outputArtifact.inlineData.map((record: Json) => [record.n, record.m])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    const { rows } = await server.database.admin.query(
      "select object_path from pipeline.artifacts where storage_type = 'object'",
    );
    expect(rows).toHaveLength(2);
    expect(rows[0].object_path).toMatch(new RegExp(`^${ann.tenantId}/runs/`));
    expect(await readdir(join(folder, "files", ann.tenantId, "runs"))).toHaveLength(1);
  });

  test("of no records, or of one object, runs as well", async () => {
    const [none, one] = [await startRun([], step("email")), await startRun({ email: "a@b.example" }, step("email"))];
    await work();
    expect(await untilEnded(none)).toMatchObject({ status: "COMPLETED", outputArtifact: { inlineData: [] } });
    expect((await untilEnded(one)).outputArtifact.inlineData).toHaveLength(1);
  });

  test("whose step breaks on one record goes on with the others, and counts it", async () => {
    const id = await startRun([{ email: "a@b.example" }, { email: "c@d.example", toString: 1 }], step("email"));
    await work((spec) => {
      const real = prepareStep(spec);
      return {
        run: (records, context) =>
          records.map((record) => {
            if (!Object.hasOwn(record, "toString"))
              return (real.run([record], context) as object[])[0] as typeof record;
            context.onFault(new Error("broken"));
            return record;
          }),
      };
    });
    const run = await untilEnded(id);
    expect(run).toMatchObject({ status: "COMPLETED", stats: { failed: 1, outputRecords: 2 } });
    expect(run.blocks.nodes[0]).toMatchObject({ processedCount: "2", succeededCount: "1", failedCount: "1" });
  });

  test("whose step has a configuration that does not fit fails with the reason", async () => {
    const id = await startRun([{}], step("email"), step("set", { value: { a: 1 } }, "tag"));
    await work();
    const run = await untilEnded(id);
    expect(run).toMatchObject({ status: "FAILED", errorCode: "VALIDATION_FAILED" });
    expect(run.errorMessage).toMatch(/^The configuration of the step “tag” does not fit: .*value/);
    expect(run.blocks.nodes.map((each: Json) => each.status)).toEqual(["SKIPPED", "SKIPPED"]);
  });

  test("that broke off is tried again, and what was done is not done again", async () => {
    const runs: string[] = [];
    const id = await startRun(
      [{ n: 1 }],
      step("set", { values: { a: 1 } }, "first"),
      step("set", { values: { b: 2 } }, "second"),
    );
    await work((spec) => ({
      run(records, context) {
        runs.push(spec.name);
        if (runs.length === 2) throw new Error("The first attempt at the second step.");
        return prepareStep(spec).run(records, context);
      },
    }));
    await until("it was tried again", async () => {
      await skipPauses(server.database);
      return runs.length > 2;
    });
    const run = await untilEnded(id);
    expect(run).toMatchObject({
      status: "COMPLETED",
      retryCount: 1,
      outputArtifact: { inlineData: [{ n: 1, a: 1, b: 2 }] },
    });
    expect(runs).toEqual(["first", "second", "second"]);
    expect(run.blocks.nodes.map((each: Json) => each.retryCount)).toEqual([0, 1]);
  });

  test("is told in the feed with its correlation, and with the automations that stand behind it", async () => {
    const blueprintId = await makeBlueprint(step("email"));
    await publish(blueprintId);
    const { rowId } = (await ask("query ($id: ID!) { blueprint(id: $id) { rowId } }", { id: blueprintId })).blueprint;
    const run = await inTenant(server.database, ann.tenantId, async (client) => {
      await client.query("select set_config('rowhouse.depth', '2', true)");
      const made = "select id, correlation_id from pipeline.create_pipeline_run($1, '[{}]')";
      return (await client.query<{ id: string; correlation_id: string }>(made, [rowId])).rows[0]!;
    });
    await work();
    const told = await until("the feed tells its end", async () => {
      const { rows } = await server.database.admin.query(
        "select type, depth, correlation_id from events.events where subject_id = $1 order by position",
        [run.id],
      );
      return rows.at(-1)?.type === "pipeline_run.completed" && rows;
    });
    expect(told.map(({ type, depth }) => [type, depth])).toEqual([
      ["pipeline_run.created", 2],
      ["pipeline_run.running", 2],
      ["pipeline_run.completed", 2],
    ]);
    expect(told.slice(1).every((each) => each.correlation_id === run.correlation_id)).toBe(true);
  });

  test("goes on in another worker after kill -9, without a block done twice", async () => {
    const id = await startRun(
      [{ n: 1 }],
      step("set", { values: { a: 1 } }, "first"),
      step("set", { values: { b: 2 } }, "freeze"),
    );
    const frozen = await startFreezingRunner(server.database.workerUrl, "freeze", join(folder, "frozen"), folder);
    await frozen.frozen;
    const before = await read(id);
    expect(before.blocks.nodes.map((each: Json) => each.status)).toEqual(["COMPLETED", "RUNNING"]);
    frozen.child.kill("SIGKILL");
    await work();
    const run = await untilEnded(id);
    expect(run).toMatchObject({ status: "COMPLETED", outputArtifact: { inlineData: [{ n: 1, a: 1, b: 2 }] } });
    expect(run.blocks.nodes[0]).toEqual(before.blocks.nodes[0]);
    expect(run.blocks.nodes[1]).toMatchObject({ status: "COMPLETED", retryCount: 1 });
  });
});

describe("a run that is cancelled", () => {
  const cancel = (id: string, token = ann.token("member")) =>
    server.post(`mutation ($id: ID!) { cancelPipelineRun(input: { pipelineRunId: $id }) { pipelineRun { status } } }`, {
      token,
      variables: { id },
    });

  test("while it waits ends at once, and is not begun", async () => {
    const id = await startRun([{}], step("email"));
    expect((await cancel(id)).data.cancelPipelineRun.pipelineRun).toEqual({ status: "CANCELLED" });
    await work();
    const next = await startRun([{}], step("email"));
    await untilEnded(next);
    expect(await read(id)).toMatchObject({ status: "CANCELLED", startedAt: null, blocks: { nodes: [] } });
    expect((await cancel(id)).errors![0]!.extensions["code"]).toBe("INVALID_STATE");
    const bob = await createSomebody(server, "manager");
    expect((await cancel(next, bob.token())).errors![0]!.extensions["code"]).toBe("NOT_FOUND");
  });

  test("while it runs stops at its next checkpoint, keeps what is done, and can be replayed", async () => {
    const id = await startRun(
      [{ n: 1 }],
      step("set", { values: { a: 1 } }, "first"),
      step("set", { values: { b: 2 } }, "slow"),
      step("email"),
    );
    let isSlow = true;
    let cancelled = false;
    await work((spec) => ({
      async run(records, context) {
        while (spec.name === "slow" && isSlow) {
          await sleep(50);
          if (!cancelled) continue;
          // A worker asks at most four times a second.
          await sleep(400);
          isSlow = false;
        }
        return prepareStep(spec).run(records, context);
      },
    }));
    await until("it is at the slow step", async () => (await read(id)).blocks.nodes[1]?.status === "RUNNING");
    expect((await cancel(id)).data.cancelPipelineRun.pipelineRun).toEqual({ status: "RUNNING" });
    cancelled = true;
    const run = await untilEnded(id);
    expect(run).toMatchObject({ status: "CANCELLED", errorCode: null });
    expect(run.blocks.nodes[0].status).toBe("COMPLETED");
    expect(run.blocks.nodes[2].status).toBe("SKIPPED");
    const replay = await ask(
      `mutation ($id: ID!) { replayPipelineRun(input: { pipelineRunId: $id }) { pipelineRun { id triggerType replayedFromRun { id } } } }`,
      { id },
    );
    expect(replay.replayPipelineRun.pipelineRun).toMatchObject({ triggerType: "REPLAY", replayedFromRun: { id } });
    const again = await untilEnded(replay.replayPipelineRun.pipelineRun.id);
    expect(again).toMatchObject({ status: "COMPLETED", outputArtifact: { inlineData: [{ n: 1, a: 1, b: 2 }] } });
  });
});

describe("what cannot be run", () => {
  const codeOf = (answer: { errors?: { extensions: Record<string, Json> }[] }) => answer.errors?.[0]?.extensions;

  test("is refused before anything is queued", async () => {
    const draft = await makeBlueprint(step("email"));
    expect(codeOf(await start(draft, []))).toMatchObject({ code: "INVALID_STATE", field: "blueprintId" });
    await publish(draft);
    expect(codeOf(await start(draft, [1]))).toMatchObject({ code: "VALIDATION_FAILED", field: "input" });
    expect(codeOf(await start(draft, "text"))).toMatchObject({ code: "VALIDATION_FAILED", field: "input" });
    expect(codeOf(await start(draft, [{ a: "x".repeat(102_400) }]))).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(codeOf(await start(draft, [], ann.token("viewer")))).toMatchObject({ code: "FORBIDDEN" });
    const bob = await createSomebody(server, "admin");
    expect(codeOf(await start(draft, [], bob.token()))).toMatchObject({ code: "NOT_FOUND" });
    await ask(
      `mutation ($id: ID!) { updateBlueprint(input: { id: $id, patch: { isActive: false } }) { blueprint { id } } }`,
      { id: draft },
    );
    expect(codeOf(await start(draft, []))).toMatchObject({ code: "INVALID_STATE" });
  });

  test("by an unknown type of step is not published, and the known ones are those of the worker", async () => {
    const answer = await publish(await makeBlueprint(step("email"), step("skip_trace", {}, "trace")));
    expect(answer.errors![0]).toMatchObject({
      message: `Step "trace" is of the type "skip_trace", which there is not. Types: ${stepTypes.join(", ")}.`,
      extensions: { code: "VALIDATION_FAILED", field: "steps" },
    });
  });
});
