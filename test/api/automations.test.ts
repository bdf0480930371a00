import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { pino } from "pino";
import { projectDir } from "../../lib/config.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import type { WorkerApp } from "../../worker/app.ts";
import { fireDueAutomations } from "../../worker/automations/fire-due-automations.ts";
import { startTestWorker } from "../support/jobs.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { callHook, createSource, sign, type Source } from "../support/webhooks.ts";

const page = readFileSync(join(projectDir, "docs/automations.md"), "utf8");
/** The fenced parts of docs/automations.md in a language, in order. */
const examples = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, text]) => text!);
const [dryRun, log] = examples("graphql") as [string, string];

let server: TestServer;
let worker: WorkerApp;
let ann: Somebody;
let source: Source;

beforeAll(async () => {
  server = await startTestServer();
  worker = await startTestWorker(server.database);
  ann = await createSomebody(server, "manager");
  source = await createSource(server, ann, { signatureScheme: "GITHUB" });
});
afterAll(async () => {
  await worker?.stop();
  await server?.remove();
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any
async function ask(query: string, variables: object = {}): Promise<any> {
  const { data, errors } = await server.post(query, { token: ann.token(), variables });
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** Makes an automation of docs/automations.md; its id. */
async function makeExample(name: string): Promise<string> {
  const text = examples("json").find((each) => each.includes(name))!;
  const automation = JSON.parse(text.replace("list_…", encodeTypeId("list", ann.listId)).replace("whs_…", source.id));
  const create = `mutation ($automation: AutomationInput!) {
    createAutomation(input: { automation: $automation }) { automation { id role isEnabled } } }`;
  const data = await ask(create, { automation });
  expect(data.createAutomation.automation).toMatchObject({ role: "MEMBER", isEnabled: true });
  return data.createAutomation.automation.id;
}

const firings = async (automation: string) => (await ask(log, { automation })).automation.firings.nodes;

const untilSucceeded = (automation: string) =>
  until("it has succeeded", async () => {
    const all = await firings(automation);
    expect(all.map(({ errorMessage }: { errorMessage: unknown }) => errorMessage).filter(Boolean)).toEqual([]);
    return all[0]?.status === "SUCCEEDED" && all;
  });

const createContact = `mutation ($contact: ContactInput!) { createContact(input: { contact: $contact }) {
  contact { id tags { nodes { name } } } } }`;

test("the first example tags a new contact and makes a task, and a dry run tells so before", async () => {
  const automation = await makeExample("Greet new contacts");
  const subject = {
    id: encodeTypeId("contact", ann.listId),
    status: "ACTIVE",
    firstName: "Ann",
    lastName: "Lee",
    locale: "fr-CA",
  };
  const tried = (await ask(dryRun, { automation, sample: { event: { type: "contact.created" }, subject } }))
    .dryRunAutomation.outcome;
  expect(tried).toMatchObject({
    ...{ wouldFire: true, conditionsHold: true, decidedBy: { field: "subject.status" } },
    actions: [
      { verb: "addContactTag", error: { code: "NOT_FOUND", message: expect.stringMatching(/^There is no contact/) } },
    ],
  });

  const contact = { firstName: "Ann", lastName: "Lee", locale: "fr-CA" };
  const { id } = (await ask(createContact, { contact })).createContact.contact;
  await ask(createContact, { contact: { ...contact, locale: "en" } });
  const [skipped, done] = await until("both are decided", async () => {
    const all = await firings(automation);
    return all.length === 2 && all[1].status === "SUCCEEDED" && all;
  });
  expect(skipped).toMatchObject({ status: "SKIPPED", decidedBy: { path: "conditions.all[2].any[0]" } });
  expect(done).toMatchObject({
    results: [{ arguments: { contactId: id, tag: "to greet" } }, { arguments: { title: "Greet Ann Lee" } }],
  });
  const seen = await ask(
    `query ($id: ID!) { contact(id: $id) { tags { nodes { name } } tasks { nodes { title createdBy { kind label } } } } }`,
    { id },
  );
  expect(seen.contact).toEqual({
    tags: { nodes: [{ name: "to greet" }] },
    tasks: { nodes: [{ title: "Greet Ann Lee", createdBy: { kind: "AUTOMATION", label: "Greet new contacts" } }] },
  });
});

test("the second example exports a list when its time has come", async () => {
  const automation = await makeExample("Export every morning");
  const quiet = pino({ level: "silent" });
  const at = async (time: Date) => fireDueAutomations(server.database.worker, quiet, time);
  await at(new Date());
  const { nextRunAt } = (await ask("query ($id: ID!) { automation(id: $id) { nextRunAt } }", { id: automation }))
    .automation;
  expect(await at(new Date(nextRunAt))).toBe(1);
  await untilSucceeded(automation);
  const { rows } = await server.database.admin.query(
    "select filter, format from lists.export_jobs where list_id = $1",
    [ann.listId],
  );
  expect(rows).toEqual([{ filter: { email: { isNull: false } }, format: "csv" }]);
});

test("the third example makes a lead of a webhook that is signed, of its type and worth it", async () => {
  const automation = await makeExample("Lead of a payment");
  const call = (event: string, amount: number) => {
    const body = JSON.stringify({ type: event, company: "Acme", email: "eve@example.com", amount });
    return callHook(source.url, body, { ...sign.github(source.secret, body), "x-github-event": event });
  };
  for (const [event, amount] of [
    ["payment.failed", 5],
    ["refund.made", 9000],
    ["payment.completed", 5000],
  ] as const)
    expect((await call(event, amount)).status).toBe(202);
  const all = await until("the webhooks are dealt with", async () => {
    const found = await firings(automation);
    return found.length === 2 && found.some(({ status }: { status: string }) => status === "SUCCEEDED") && found;
  });
  expect(all.map(({ status }: { status: string }) => status).sort()).toEqual(["SKIPPED", "SUCCEEDED"]);
  const { leads } = await ask(`{ leads { nodes { companyName email } } }`);
  expect(leads.nodes).toEqual([{ companyName: "Acme", email: "eve@example.com" }]);
});

test("the API refuses a rule that cannot be understood by its place, and a role above the writer's", async () => {
  const create = (automation: object) =>
    server.post(
      "mutation ($automation: AutomationInput!) { createAutomation(input: { automation: $automation }) { automation { id } } }",
      {
        token: ann.token(),
        variables: { automation: { ...JSON.parse(examples("json")[0]!), name: "Another", ...automation } },
      },
    );
  expect(
    (await create({ conditions: [{ field: "subject.x", operator: "is_set" }] })).errors![0]!.extensions,
  ).toMatchObject({
    ...{ code: "VALIDATION_FAILED", field: "conditions.all[0].field" },
  });
  expect((await create({ role: "ADMIN" })).errors![0]!.extensions).toMatchObject({ code: "FORBIDDEN", field: "role" });
});

test("members neither read the log nor try out, retry or write automations", async () => {
  const automation = await makeExample("Greet new contacts").catch(async () => {
    const { automations } = await ask("{ automations(first: 1) { nodes { id } } }");
    return automations.nodes[0].id as string;
  });
  for (const document of [
    dryRun,
    log,
    "mutation ($automation: ID!) { updateAutomation(input: { id: $automation, patch: { isEnabled: false } }) { automation { id } } }",
    `mutation { retryAutomationRun(input: { automationRunId: "${encodeTypeId("arun", ann.listId)}" }) { automationRun { id } } }`,
  ]) {
    const { errors } = await server.post(document, {
      token: ann.token("member"),
      variables: document.includes("$sample")
        ? { automation, sample: {} }
        : document.includes("$automation")
          ? { automation }
          : {},
    });
    expect(errors?.[0]!.extensions["code"]).toBe("FORBIDDEN");
  }
});
