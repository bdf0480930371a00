import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { encodeTypeId } from "../../lib/type-id.ts";
import { automationRow, insertAutomation, tagSubject, type AutomationInput } from "../support/automations.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { refusal } from "../support/refusal.ts";

let database: TestDatabase;
let tenantId: string;
let actorId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
});
afterAll(() => database?.drop());

const asManager = (work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId, role: "rowhouse_manager" }, work);

const id = "0198c0de-0000-7000-8000-0000000000aa";
const facts = {
  event: {
    type: "contact.updated",
    changedFields: ["firstName", "status"],
    rowCount: 3,
    depth: 0,
    payload: { a: { b: 7 } },
  },
  subject: {
    id: encodeTypeId("contact", id),
    firstName: "Ann",
    lastName: null,
    title: "",
    status: "ACTIVE",
    attributes: { plan: "pro", seats: 12, tags: [], on: true },
    createdAt: "2026-03-01T10:00:00.5+01:00",
    dateOfBirth: "1980-05-06",
  },
};

const rule = (field: string, operator: string, value?: unknown) => ({ field, operator, value });

describe("a condition", () => {
  test.each([
    ["equals", rule("subject.status", "equals", "ACTIVE"), true],
    ["equals in capitals", rule("subject.status", "EQUALS", "ACTIVE"), true],
    ["equals, another", rule("subject.status", "equals", "active "), false],
    ["equals a number however it is written", rule("subject.attributes.seats", "equals", 12.0), true],
    ["equals no text of a number", rule("subject.attributes.seats", "equals", "12"), false],
    ["equals true", rule("subject.attributes.on", "equals", true), true],
    ["equals an id by its uuid", rule("subject.id", "equals", id), true],
    ["equals an id by its TypeID", rule("subject.id", "equals", encodeTypeId("contact", id)), true],
    ["equals a time in another zone", rule("subject.createdAt", "equals", "2026-03-01T09:00:00.500Z"), true],
    ["equals of what is empty", rule("subject.lastName", "equals", "x"), false],
    ["not_equals of what is empty", rule("subject.lastName", "not_equals", "x"), true],
    ["not_equals", rule("subject.firstName", "not_equals", "Ann"), false],
    ["contains in text", rule("subject.firstName", "contains", "nn"), true],
    ["contains, case counts", rule("subject.firstName", "contains", "NN"), false],
    ["contains takes wildcards literally", rule("subject.firstName", "contains", "%"), false],
    ["contains in a list", rule("event.changedFields", "contains", "status"), true],
    ["contains in a list no parts", rule("event.changedFields", "contains", "stat"), false],
    ["contains a key", rule("subject.attributes", "contains", "plan"), true],
    ["not_contains", rule("event.changedFields", "not_contains", "lastName"), true],
    ["starts_with", rule("event.type", "starts_with", "contact."), true],
    ["ends_with", rule("event.type", "ends_with", ".updated"), true],
    ["ends_with, longer than the text", rule("subject.firstName", "ends_with", "Joann"), false],
    ["in", rule("subject.attributes.plan", "in", ["free", "pro"]), true],
    ["not_in", rule("subject.attributes.plan", "not_in", ["free", "pro"]), false],
    ["greater_than as numbers", rule("subject.attributes.seats", "greater_than", 9), true],
    ["greater_or_equal", rule("event.rowCount", "greater_or_equal", 3), true],
    ["less_than", rule("event.rowCount", "less_than", 3), false],
    ["less_or_equal as times", rule("subject.createdAt", "less_or_equal", "2026-03-01T09:00:00.5Z"), true],
    ["greater_than as days", rule("subject.dateOfBirth", "greater_than", "1980-05-05"), true],
    ["greater_than of things that cannot be compared", rule("subject.attributes.plan", "greater_than", 3), false],
    ["between", rule("subject.attributes.seats", "between", [10, 12]), true],
    ["between, outside", rule("subject.attributes.seats", "between", [13, 20]), false],
    ["within_last_days", rule("subject.createdAt", "within_last_days", 36525), true],
    ["within_last_days, longer ago", rule("subject.dateOfBirth", "within_last_days", 30), false],
    ["not_within_last_days of what is empty", rule("subject.lastName", "not_within_last_days", 30), true],
    ["is_set", rule("subject.firstName", "is_set"), true],
    ["is_set of null", rule("subject.lastName", "is_set"), false],
    ["is_set of empty text", rule("subject.title", "is_set"), false],
    ["is_set of an empty list", rule("subject.attributes.tags", "is_set"), false],
    ["is_not_set of what is not there at all", rule("subject.attributes.colour.shade", "is_not_set"), true],
    ["a path into a payload", rule("event.payload.a.b", "equals", 7), true],
    ["all", { all: [rule("subject.firstName", "is_set"), rule("event.depth", "equals", 0)] }, true],
    ["all, one not", { all: [rule("subject.firstName", "is_set"), rule("event.depth", "equals", 1)] }, false],
    ["any", { any: [rule("subject.lastName", "is_set"), rule("event.depth", "equals", 0)] }, true],
    ["not", { not: rule("subject.firstName", "is_set") }, false],
    ["a list, which is all", [rule("subject.firstName", "is_set")], true],
    ["nothing at all", [], true],
    [
      "a tree",
      { any: [{ not: { all: [rule("subject.status", "equals", "ACTIVE")] } }, [rule("event.rowCount", "equals", 3)]] },
      true,
    ],
  ])("%s", async (_case, conditions, holds) => {
    const { rows } = await database.admin.query("select pipeline.conditions_hold($1, $2) as trace", [
      JSON.stringify(conditions),
      JSON.stringify(facts),
    ]);
    expect(rows[0].trace.holds).toBe(holds);
  });

  test("says where it decided, and what was found there", async () => {
    const conditions = { all: [rule("subject.firstName", "is_set"), { any: [rule("subject.status", "equals", "X")] }] };
    const { rows } = await database.admin.query(
      "select pipeline.deciding_condition(pipeline.conditions_hold($1, $2)) as decided",
      [JSON.stringify(conditions), JSON.stringify(facts)],
    );
    expect(rows[0].decided).toEqual({
      ...{ path: "conditions.all[1].any[0]", holds: false, field: "subject.status", operator: "equals", value: "X" },
      actual: "ACTIVE",
    });
  });

  test("of a tree of a hundred rules over long texts is decided within a moment", async () => {
    const long = "a".repeat(10_000);
    const conditions = Array.from({ length: 99 }, () => rule("event.payload.text", "contains", `${"a".repeat(4999)}b`));
    const started = performance.now();
    const { rows } = await database.admin.query("select pipeline.conditions_hold($1, $2) ->> 'holds' as holds", [
      JSON.stringify({ any: conditions }),
      JSON.stringify({ event: { payload: { text: long } } }),
    ]);
    expect(rows[0].holds).toBe("false");
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

const nested = (depth: number): object =>
  depth === 0 ? rule("event.depth", "equals", 0) : { all: [nested(depth - 1)] };

describe("an automation is refused, by the place,", () => {
  const conditions = (tree: unknown): AutomationInput => ({ conditions: tree });
  const actions = (...list: unknown[]): AutomationInput => ({ actions: list });
  const schedule = (text: string, timezone = "UTC"): AutomationInput => ({
    ...{ trigger_type: "schedule", trigger_config: { schedule: text, timezone } },
    actions: [{ verb: "createTask", arguments: { title: "x" } }],
  });
  test.each<[string, AutomationInput, string, RegExp]>([
    [
      "for an unknown field",
      conditions([rule("subject.fristName", "is_set")]),
      "conditions.all[0].field",
      /subject\.firstName/,
    ],
    [
      "for a field of another trigger",
      conditions([rule("webhook.payload.a", "is_set")]),
      "conditions.all[0].field",
      /cannot be named/,
    ],
    [
      "for a path into what is no JSON",
      conditions([rule("subject.firstName.x", "is_set")]),
      "conditions.all[0].field",
      /cannot be named/,
    ],
    [
      "for the tenant's key",
      conditions([rule("subject.tenantId", "is_set")]),
      "conditions.all[0].field",
      /cannot be named/,
    ],
    [
      "for an unknown operator",
      conditions({ any: [rule("subject.firstName", "matches", ".*")] }),
      "conditions.any[0].operator",
      /starts_with/,
    ],
    [
      "for a value too few",
      conditions({ not: rule("subject.firstName", "equals") }),
      "conditions.not.value",
      /nothing is not what equals/,
    ],
    ["for a value too many", conditions([rule("subject.firstName", "is_set", 1)]), "conditions.all[0].value", /is_set/],
    [
      "for a list that is none",
      conditions([rule("subject.firstName", "in", "Ann")]),
      "conditions.all[0].value",
      /in compares/,
    ],
    [
      "for an unknown value of an enum",
      conditions([rule("subject.status", "equals", "GONE")]),
      "conditions.all[0].value",
      /ACTIVE/,
    ],
    [
      "for text where a number is",
      conditions([rule("event.rowCount", "greater_than", "3")]),
      "conditions.all[0].value",
      /a number/,
    ],
    [
      "for a day that is none",
      conditions([rule("subject.createdAt", "less_than", "2026-02-31")]),
      "conditions.all[0].value",
      /a time/,
    ],
    [
      "for an operator that does not go with the field",
      conditions([rule("subject.status", "less_than", "ACTIVE")]),
      "conditions.all[0].operator",
      /kind enum/,
    ],
    [
      "for a rule with more than a rule",
      conditions([{ ...rule("subject.firstName", "is_set"), sql: "1" }]),
      "conditions.all[0]",
      /and nothing else/,
    ],
    ["for a rule that is a number", conditions([1]), "conditions.all[0]", /a rule is/],
    ["for an empty any", conditions({ any: [], all: [] }), "conditions", /a rule is/],
    ["for what is nested too deep", conditions(nested(9)), "conditions", /deeper than 8/],
    [
      "for too many rules",
      conditions(Array.from({ length: 101 }, () => rule("event.depth", "equals", 0))),
      "conditions",
      /more than 100/,
    ],
    [
      "for many rules in parts",
      conditions({
        all: [0, 1].map(() => ({ any: Array.from({ length: 60 }, () => rule("event.depth", "equals", 0)) })),
      }),
      "conditions",
      /more than 100 rules in all/,
    ],
    [
      "for an unknown event",
      { trigger_config: { event: "contract.created" } },
      "triggerConfig.event",
      /contact\.created/,
    ],
    ["for every event", { trigger_config: { event: "*" } }, "triggerConfig.event", /no type/],
    [
      "for jobs, which would go round",
      { trigger_config: { event: "job.succeeded" }, actions: [] },
      "triggerConfig.event",
      /the cause of the next/,
    ],
    [
      "for a setting of another trigger",
      { trigger_config: { event: "contact.created", schedule: "* * * * *" } },
      "triggerConfig",
      /no such setting/,
    ],
    ["for four fields", schedule("0 9 * *"), "triggerConfig.schedule", /five fields/],
    ["for an hour too late", schedule("0 24 * * *"), "triggerConfig.schedule", /hour/],
    ["for a range backwards", schedule("30-10 * * * *"), "triggerConfig.schedule", /minute/],
    ["for a step of a single value", schedule("5/10 * * * *"), "triggerConfig.schedule", /minute/],
    ["for seconds", schedule("0 0 9 * * *"), "triggerConfig.schedule", /five fields/],
    ["for an unknown time zone", schedule("0 9 * * *", "Mars/Olympus"), "triggerConfig.timezone", /Europe\/Paris/],
    ["for an offset instead of a zone", schedule("0 9 * * *", "+02:00"), "triggerConfig.timezone", /Europe\/Paris/],
    ["for doing nothing", actions(), "actions", /does something/],
    ["for an unknown verb", actions({ verb: "deleteEverything", arguments: {} }), "actions[0].verb", /addContactTag/],
    [
      "for a verb that is none of its",
      actions(tagSubject, { verb: "mergeContacts", arguments: {} }),
      "actions[1].verb",
      /do not do/,
    ],
    [
      "for an unknown argument",
      actions({ verb: "addContactTag", arguments: { contactId: id, tag: "a", x: 1 } }),
      "actions[0].arguments",
      /contactId, tag/,
    ],
    [
      "for a missing argument",
      actions({ verb: "addContactTag", arguments: { contactId: id } }),
      "actions[0].arguments.tag",
      /needs tag/,
    ],
    [
      "for an argument that nobody may set",
      actions({ verb: "createTask", arguments: { title: "x", tenantId: id } }),
      "actions[0].arguments",
      /takes no/,
    ],
    [
      "for an id that is none",
      actions({ verb: "addContactTag", arguments: { contactId: "ann", tag: "a" } }),
      "actions[0].arguments.contactId",
      /no id/,
    ],
    [
      "for a time that is none",
      actions({ verb: "createTask", arguments: { title: "x", dueAt: "soon" } }),
      "actions[0].arguments.dueAt",
      /cannot be read/,
    ],
    [
      "for an unknown value of an enum",
      actions({ verb: "createTask", arguments: { title: "x", kind: "DANCE" } }),
      "actions[0].arguments.kind",
      /cannot be read/,
    ],
    [
      "for a reference to nothing",
      actions({ verb: "createTask", arguments: { title: { text: ["a", { ref: "subject.nmae" }] } } }),
      "actions[0].arguments",
      /subject\.nmae/,
    ],
    ["for more than an action", actions({ ...tagSubject, when: "later" }), "actions[0]", /and nothing else/],
    [
      "for a patch of nothing",
      actions({ verb: "updateContact", arguments: { id } }),
      "actions[0].arguments",
      /names no field/,
    ],
  ])("%s", (_case, input, field, message) =>
    asManager(async (client) => {
      const row = automationRow(input);
      const names = Object.keys(row);
      expect(
        await refusal(
          client,
          `insert into pipeline.automations (${names.join(", ")}) values (${names.map((_, n) => `$${n + 1}`).join(", ")})`,
          Object.values(row),
        ),
      ).toMatchObject({
        code: expect.stringMatching(/^RH00[47]$/),
        column: field,
        message: expect.stringMatching(message),
      });
    }),
  );

  test("also when it is changed", () =>
    asManager(async (client) => {
      const { id: automationId } = await insertAutomation(client);
      expect(
        await refusal(client, `update pipeline.automations set conditions = '[{"field": "x"}]' where id = $1`, [
          automationId,
        ]),
      ).toMatchObject({ code: "RH004", column: "conditions.all[0].field" });
    }));
});

test("an automation takes every schedule in cron's five fields, and fills in the tenant's time zone", () =>
  asManager(async (client) => {
    for (const schedule of [
      "* * * * *",
      "*/5 0-6,20 1,15 jan-mar,12 mon-fri",
      "0 9 29 2 *",
      "30 2 * * 0,7",
      "10-30/5 * * * *",
    ]) {
      const { trigger_config: config } = await insertAutomation(client, {
        ...{ trigger_type: "schedule", trigger_config: { schedule } },
        actions: [{ verb: "createTask", arguments: { title: "x" } }],
      });
      expect(config).toEqual({ schedule, timezone: "UTC" });
    }
  }));
