import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Sender } from "../support/graphql-api.ts";

let database: TestDatabase;
let api: GraphqlApi;
let acme: Sender;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database);
  acme = await createTenant(database, "acme");
});
afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const create = `mutation($input: CreateFilterRuleInput!) { createFilterRule(input: $input) { filterRule { rowId } } }`;
const input = { filterRule: { effect: "REJECT", matchType: "EMAIL", value: "Ann@Example.test" } };

describe("the audit log", () => {
  it("tells admins who changed what in which request, and from where", async () => {
    const response = await fetch(api.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${api.token({ ...acme, role: "manager" })}`,
        "x-request-id": "request-of-ann",
      },
      body: JSON.stringify({ query: create, variables: { input } }),
    });
    const { data } = (await response.json()) as { data: { createFilterRule: { filterRule: { rowId: string } } } };
    const { auditLogs } = await api.ask(
      { ...acme, role: "admin" },
      `query($filter: AuditLogFilter) { auditLogs(filter: $filter, first: 10, orderBy: ID_DESC) {
         nodes { action entityType entityId oldValues newValues actor { rowId } userId ipAddress requestId } } }`,
      { filter: { entityId: { equalTo: data.createFilterRule.filterRule.rowId } } },
    );
    expect(auditLogs.nodes).toEqual([
      {
        action: "CREATE",
        entityType: "filter_rules",
        entityId: data.createFilterRule.filterRule.rowId,
        oldValues: null,
        newValues: expect.objectContaining({ effect: "reject", value: "ann@example.test" }),
        actor: { rowId: acme.actorId },
        userId: expect.any(String),
        ipAddress: "127.0.0.1",
        requestId: "request-of-ann",
      },
    ]);
  });

  it("is shown to admins only, and written by nobody", async () => {
    const { errors } = await api.send({ ...acme, role: "manager" }, "{ auditLogs(first: 1) { nodes { id } } }");
    expect(errors![0]!.extensions["code"]).toBe("FORBIDDEN");
    const { __schema } = await api.ask(acme, "{ __schema { mutationType { fields { name } } } }");
    const names = __schema.mutationType.fields.map(({ name }: { name: string }) => name);
    expect(names).toContain("createFilterRule");
    expect(names.filter((name: string) => /audit/i.test(name))).toEqual([]);
  });

  it("does not show the months that it, events and analytics are cut into", async () => {
    const { __schema } = await api.ask(acme, "{ __schema { types { name } } }");
    const names = __schema.types.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(["AuditLog", "AnalyticsEvent", "Event"]));
    expect(names.filter((name: string) => /^(AuditLogs?|AnalyticsEvents?|Events?)(Default|Y20)/.test(name))).toEqual(
      [],
    );
  });
});
