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

const insert = <T>(work: (client: PoolClient) => Promise<T>) =>
  asTenant(database, { tenantId: acme.tenantId, actorId: acme.actorId }, work, { commit: true });

const createTemplate = `mutation ($template: TemplateInput!) { createTemplate(input: { template: $template }) { template {
  id status currentVersion { id } versions { nodes { version status body } }
} } }`;
const publishTemplate = `mutation ($id: ID!) { publishTemplate(input: { templateId: $id }) { template {
  status variables currentVersion { version subject template { name } }
} } }`;

/** A template with its first version, published; its id. */
async function publishedTemplate(name: string): Promise<string> {
  const template = {
    name,
    channel: "EMAIL",
    versions: [{ subject: "Hi", body: "Hello {{first}}", variables: [{ name: "first" }] }],
  };
  const made = await api.ask(acme, createTemplate, { template });
  expect(made.createTemplate.template).toMatchObject({
    status: "DRAFT",
    currentVersion: null,
    versions: { nodes: [{ version: 1, status: "DRAFT", body: "Hello {{first}}" }] },
  });
  const { id } = made.createTemplate.template;
  const { publishTemplate: published } = await api.ask(manager, publishTemplate, { id });
  expect(published.template).toEqual({
    status: "ACTIVE",
    variables: [{ name: "first" }],
    currentVersion: { version: 1, subject: "Hi", template: { name } },
  });
  return id;
}

test("a template is made with its first version, published, and changed by its next version only", async () => {
  const id = await publishedTemplate("Welcome");
  const again = await api.send(manager, publishTemplate, { id });
  expect(again.errors).toMatchObject([
    {
      message: 'Template "Welcome" has no draft. Make one by newTemplateVersion first.',
      extensions: { code: "INVALID_STATE", field: "templateId" },
    },
  ]);
  const next = await api.ask(
    acme,
    `mutation ($id: ID!) { newTemplateVersion(input: { templateId: $id, changelog: "Warmer" }) { templateVersion {
      id version status subject changelog template { currentVersion { version } }
    } } }`,
    { id },
  );
  expect(next.newTemplateVersion.templateVersion).toMatchObject({
    version: 2,
    status: "DRAFT",
    subject: "Hi",
    changelog: "Warmer",
    template: { currentVersion: { version: 1 } },
  });
});

test("a template that was deleted comes back only while its name is free", async () => {
  const template = { name: "Farewell", channel: "SMS" };
  const { id } = (await api.ask(acme, createTemplate, { template })).createTemplate.template;
  await api.ask(acme, "mutation ($id: ID!) { deleteTemplate(input: { id: $id }) { template { id } } }", { id });
  await api.ask(acme, createTemplate, { template });
  const { errors } = await api.send(
    acme,
    "mutation ($id: ID!) { restoreTemplate(input: { id: $id }) { template { id } } }",
    { id },
  );
  expect(errors).toMatchObject([{ extensions: { code: "CONFLICT" } }]);
});

test("a campaign reads as one speaks of it: variants, segments, recipients, contacts, figures", async () => {
  const templateId = await publishedTemplate("Offer");
  const segment = await api.ask(
    acme,
    `mutation { createSegment(input: { segment: { name: "Actives", type: DYNAMIC, rules: [{ field: "status", operator: EQUALS, value: "active" }] } }) {
      segment { id rules { nodes { groupIndex field operator value } } } } }`,
  );
  const { id: segmentId, rules } = segment.createSegment.segment;
  expect(rules.nodes).toEqual([{ groupIndex: 0, field: "status", operator: "EQUALS", value: "active" }]);
  const made = await api.ask(
    acme,
    `mutation ($campaign: CampaignInput!) { createCampaign(input: { campaign: $campaign }) { campaign { id rowId variants { nodes { rowId } } } } }`,
    {
      campaign: {
        name: "Spring",
        channel: "EMAIL",
        variants: [{ templateId, label: "A" }],
        segmentLinks: [{ segmentId }],
      },
    },
  );
  const { id, rowId, variants } = made.createCampaign.campaign;
  await insert(async (client) => {
    for (const first_name of ["Ann", "Bob"]) {
      const contact = await insertInto(client, "crm.contacts", { first_name });
      const { rows } = await client.query("select id from outreach.segments where name = 'Actives'");
      await insertInto(client, "outreach.segment_members", {
        segment_id: rows[0].id,
        contact_id: contact.id,
        added_reason: "rule",
      });
      const recipient = { campaign_id: rowId, contact_id: contact.id, variant_id: variants.nodes[0].rowId };
      await insertInto(client, "outreach.campaign_recipients", {
        ...recipient,
        sent_at: first_name === "Ann" ? new Date() : null,
      });
    }
  });
  const screen = await api.ask(
    acme,
    `query ($id: ID!) { campaign(id: $id) {
      status
      segments { nodes { name memberCount members { totalCount } contacts(orderBy: ID_ASC) { nodes { firstName } } } }
      variants { nodes { label template { name } stats { sentCount } } }
      recipients(orderBy: ID_ASC) { nodes { status contact { firstName segments { nodes { name } } campaigns { nodes { name } } } variant { label } } }
      sent: recipients(filter: { status: { equalTo: SENT } }) { totalCount }
      contacts(orderBy: ID_ASC) { nodes { firstName } }
      stats(orderBy: ID_ASC) { nodes { variantId recipientCount sentCount } }
      funnel { sentCount }
    } }`,
    { id },
  );
  const contact = (firstName: string) => ({
    firstName,
    segments: { nodes: [{ name: "Actives" }] },
    campaigns: { nodes: [{ name: "Spring" }] },
  });
  const both = { nodes: [{ firstName: "Ann" }, { firstName: "Bob" }] };
  const figures = { recipientCount: "2", sentCount: "1" };
  expect(screen.campaign).toEqual({
    status: "DRAFT",
    segments: { nodes: [{ name: "Actives", memberCount: "2", members: { totalCount: 2 }, contacts: both }] },
    variants: { nodes: [{ label: "A", template: { name: "Offer" }, stats: { sentCount: "1" } }] },
    recipients: {
      nodes: [
        { status: "SENT", contact: contact("Ann"), variant: { label: "A" } },
        { status: "PENDING", contact: contact("Bob"), variant: { label: "A" } },
      ],
    },
    sent: { totalCount: 1 },
    contacts: both,
    stats: {
      nodes: [
        { variantId: null, ...figures },
        { variantId: expect.stringMatching(/^var_/), ...figures },
      ],
    },
    funnel: { sentCount: "1" },
  });
  const late = await api.send(
    manager,
    "mutation ($id: ID!) { pauseCampaign(input: { campaignId: $id }) { campaign { id } } }",
    { id },
  );
  expect(late.errors).toMatchObject([{ extensions: { code: "INVALID_STATE", field: "status" } }]);
  const scheduled = await api.ask(
    manager,
    `mutation ($id: ID!) { scheduleCampaign(input: { campaignId: $id, scheduledAt: "2100-01-01T09:00:00Z" }) { campaign { status } } }`,
    { id },
  );
  expect(scheduled.scheduleCampaign.campaign.status).toBe("SCHEDULED");
});
