import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";
import { stepsTaken } from "../support/steps-taken.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let tenantId: string;
let actorId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
});

afterAll(async () => {
  await database?.drop();
});

/** Works as a role of the tenant, and rolls back unless told to commit. */
const as = <T>(role: string, work: (client: PoolClient) => Promise<T>, options?: { commit: boolean }) =>
  asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, work, options);
const become = (client: PoolClient, role: string) => client.query(`reset role; set local role rowhouse_${role}`);
const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, `outreach.${table}`, row);

interface Graph {
  nodes: unknown[];
  edges: unknown[];
  goals?: unknown[];
}
const node = (id: string, type = "action") => ({ id, type });
const edge = (from: string, to: string) => ({ from, to });
/** Begins, decides, and acts either way; it may go round. */
const graph: Graph = {
  nodes: [node("start", "trigger"), node("rich", "condition"), node("call"), node("mail"), node("won", "goal")],
  edges: [edge("start", "rich"), edge("rich", "call"), edge("rich", "mail"), edge("mail", "rich"), edge("call", "won")],
  goals: [{ name: "A meeting", condition: {} }],
};

const draftOf = (client: PoolClient, workflowId: string, { nodes, edges, goals = [] }: Graph = graph) =>
  insert(client, "workflow_versions", {
    workflow_id: workflowId,
    nodes: JSON.stringify(nodes),
    edges: JSON.stringify(edges),
    goals: JSON.stringify(goals),
  });
async function workflowOf(client: PoolClient, name = "Welcome", drawn: Graph = graph) {
  const { id } = await insert(client, "workflows", { name });
  return { id: id as string, draft: (await draftOf(client, id, drawn)) as { id: string } };
}
const publish = async (client: PoolClient, id: string) =>
  (await client.query("select * from outreach.publish_workflow($1)", [id])).rows[0];
const newVersion = async (client: PoolClient, id: string, changelog: string | null = null) =>
  (await client.query("select * from outreach.new_workflow_version($1, $2)", [id, changelog])).rows[0];

describe("a workflow", () => {
  test("takes the steps there are, and no other, and runs only when it was published", () =>
    as("manager", async (client) => {
      const steps = {
        draft: ["active", "archived"],
        active: ["paused", "archived"],
        paused: ["active", "archived"],
        archived: ["draft", "paused"],
      };
      await workflowOf(client, "Unpublished");
      expect(await refusal(client, "update outreach.workflows set status = 'active'")).toMatchObject({
        constraint: "workflows_published_version_id_check",
      });
      let serial = 0;
      const published = async () => {
        const { id } = await workflowOf(client, `Published ${++serial}`);
        await client.query("update outreach.workflows set status = 'archived' where id = $1", [id]);
        await publish(client, id);
        await client.query("update outreach.workflows set status = 'draft' where id = $1", [id]);
        return { id };
      };
      expect(await stepsTaken(client, "outreach.workflows", steps, published)).toEqual(steps);
    }));

  test("is published by its verb, by managers, and then runs what was drawn", () =>
    as("member", async (client) => {
      const { id, draft } = await workflowOf(client);
      expect(await refusal(client, "select outreach.publish_workflow($1)", [id])).toMatchObject({ code: "42501" });
      const pointer = "update outreach.workflows set published_version_id = $1";
      expect(await refusal(client, pointer, [draft.id])).toMatchObject({ code: "42501" });
      await become(client, "system");
      expect(await refusal(client, pointer, [draft.id])).toMatchObject({
        code: "RH003",
        message: `Version ${draft.id} is not a published version of workflow "Welcome".`,
      });
      await become(client, "manager");
      expect(await publish(client, id)).toMatchObject({ status: "active", published_version_id: draft.id });
      const { rows } = await client.query("select * from outreach.workflow_versions");
      expect(rows).toMatchObject([
        { version: 1, status: "published", published_by: actorId, published_at: expect.any(Date) },
      ]);
      expect(await refusal(client, "select outreach.publish_workflow($1)", [id])).toMatchObject({
        code: "RH006",
        message: 'Workflow "Welcome" has no draft. Make one by newWorkflowVersion first.',
      });
      const other = await workflowOf(client, "Other");
      await become(client, "system");
      expect(
        await refusal(client, "update outreach.workflows set published_version_id = $1 where id = $2", [
          draft.id,
          other.id,
        ]),
      ).toMatchObject({ code: "RH003" });
    }));
});

describe("versions of a workflow", () => {
  test("are numbered by the database, begin as a copy, and never change once they are published", () =>
    as("manager", async (client) => {
      const { id, draft } = await workflowOf(client);
      const given = "insert into outreach.workflow_versions (workflow_id, version) values ($1, 7)";
      expect(await refusal(client, given, [id])).toMatchObject({ code: "42501" });
      expect(await refusal(client, "select outreach.new_workflow_version($1)", [id])).toMatchObject({
        code: "RH003",
        message: 'Version 1 of workflow "Welcome" is a draft already. Change or publish that.',
      });
      await client.query("update outreach.workflow_versions set changelog = 'A draft may change' where id = $1", [
        draft.id,
      ]);
      await publish(client, id);
      expect(await newVersion(client, id, "Warmer")).toMatchObject({
        ...{ version: 2, status: "draft", changelog: "Warmer", created_by: actorId },
        ...{ nodes: graph.nodes, edges: graph.edges, goals: graph.goals },
      });
      const workflow = await publish(client, id);
      expect((await newVersion(client, id)).version).toBe(3);
      const refused = {
        code: "RH006",
        message: "Version 1 of the workflow is published and never changes. Make a new draft by newWorkflowVersion.",
      };
      for (const role of ["manager", "system"]) {
        await become(client, role);
        for (const change of ["nodes = '[]'", "changelog = 'x'"])
          expect(
            await refusal(client, `update outreach.workflow_versions set ${change} where id = $1`, [draft.id]),
          ).toMatchObject(refused);
      }
      const statuses = "update outreach.workflow_versions set status = 'draft', published_at = null where id = $1";
      expect(await refusal(client, statuses, [workflow.published_version_id])).toMatchObject({ code: "RH006" });
      expect(await refusal(client, "delete from outreach.workflow_versions where id = $1", [draft.id])).toMatchObject(
        refused,
      );
      await client.query("delete from outreach.workflows where id = $1", [id]);
      expect((await client.query("select from outreach.workflow_versions")).rowCount).toBe(0);
    }));

  test.each<[string, Graph, string]>([
    ["no trigger", { nodes: [node("a")], edges: [] }, "begins at one node of type trigger; this one has 0."],
    [
      "two triggers",
      { nodes: [node("a", "trigger"), node("b", "trigger")], edges: [] },
      "begins at one node of type trigger; this one has 2.",
    ],
    ["nothing at all", { nodes: [], edges: [] }, "this one has 0."],
    ["a node without id", { nodes: [{ type: "trigger" }], edges: [] }, "has no id, or no type of"],
    ["a node of no known type", { nodes: [node("a", "magic")], edges: [] }, "has no id, or no type of"],
    ["a node that is no object", { nodes: ["a"], edges: [] }, 'The node "a" has no id'],
    [
      "the same id twice",
      { nodes: [node("a", "trigger"), node("b"), node("b")], edges: [] },
      "Two nodes have the id b.",
    ],
    [
      "an edge to nowhere",
      { nodes: [node("a", "trigger")], edges: [edge("a", "x")] },
      "does not lead from one node to another.",
    ],
    [
      "an edge from nowhere",
      { nodes: [node("a", "trigger")], edges: [{ to: "a" }] },
      "does not lead from one node to another.",
    ],
    [
      "an edge back to the trigger",
      { nodes: [node("a", "trigger"), node("b")], edges: [edge("a", "b"), edge("b", "a")] },
      "An edge leads back to the trigger a",
    ],
    [
      "an island",
      { nodes: [node("a", "trigger"), node("b"), node("c")], edges: [edge("b", "c"), edge("c", "b")] },
      "No way leads from the trigger to node b. Connect it or remove it.",
    ],
    ["a goal without name", { ...graph, goals: [{ name: " " }] }, "has no name."],
  ])("with %s are not published", (_what, drawn, message) =>
    as("manager", async (client) => {
      const { id } = await workflowOf(client, "Crooked", drawn);
      expect(await refusal(client, "select outreach.publish_workflow($1)", [id])).toMatchObject({
        code: "RH004",
        message: expect.stringContaining(message),
      });
    }),
  );

  test("are published with a thousand nodes in a row, and refused with more, in a moment", () =>
    as("manager", async (client) => {
      const chain = (length: number): Graph => {
        const ids = Array.from({ length }, (_, i) => `n${i}`);
        const edges = ids.slice(1).map((id, i) => edge(ids[i]!, id));
        return { nodes: ids.map((id, i) => node(id, i ? "action" : "trigger")), edges };
      };
      await client.query("set local statement_timeout = '20s'");
      const { id } = await workflowOf(client, "Long", chain(1_000));
      expect(await publish(client, id)).toMatchObject({ status: "active" });
      const longer = await workflowOf(client, "Longer", chain(1_001));
      expect(await refusal(client, "select outreach.publish_workflow($1)", [longer.id])).toMatchObject({
        code: "RH007",
        message: "A workflow has at most 1000 nodes and 5000 edges; this one has 1001 and 1000. Make two of it.",
      });
    }));

  test("take turns when two are drawn, or published, at once", async () => {
    const { id } = await as("manager", (client) => workflowOf(client, "Shared"), { commit: true });
    const race = async (first: (client: PoolClient) => Promise<unknown>, second: typeof first) => {
      let late: Promise<unknown>;
      await as(
        "manager",
        async (client) => {
          await first(client);
          late = as("manager", second, { commit: true }).catch((error: unknown) => error);
          await waitsForLock();
        },
        { commit: true },
      );
      return late!;
    };
    expect(
      await race(
        (client) => publish(client, id),
        (client) => publish(client, id),
      ),
    ).toMatchObject({ code: "RH006", message: expect.stringContaining("has no draft") });
    expect(
      await race(
        (client) => newVersion(client, id),
        (client) => newVersion(client, id),
      ),
    ).toMatchObject({ code: "RH003", message: expect.stringContaining("Version 2 of workflow") });
  });
});

const waitsForLock = () =>
  until("a session waits for a lock", async () => {
    const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    return (await database.admin.query(waiting)).rowCount! > 0;
  });
