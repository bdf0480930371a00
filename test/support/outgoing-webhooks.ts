import { createTestDatabase, type TestDatabase } from "./database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "./graphql-api.ts";
import { startTestWorker, testConfig } from "./jobs.ts";
import { until } from "./until.ts";
import { startWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.ts";
import type { WorkerApp } from "../../worker/app.ts";

/** A subscription as the test made it. */
export interface Subscription {
  readonly id: string;
  readonly secret: string;
  /** The path of the receiver that it sends to. */
  readonly path: string;
}

/** A server, a receiver, and workers where a test starts them. */
export interface WebhookWorld {
  readonly database: TestDatabase;
  readonly api: GraphqlApi;
  readonly receiver: WebhookReceiver;
  /** The admin of a new tenant. */
  createAdmin(): Promise<Sender>;
  /** Subscribes a path of its own of the receiver. */
  subscribe(admin: Sender, types?: readonly string[], url?: string): Promise<Subscription>;
  createContact(sender: Sender, firstName?: string): Promise<string>;
  renameContact(sender: Sender, id: string, firstName: string): Promise<void>;
  /** The deliveries of a subscription, in the order of their making. */
  deliveries(admin: Sender, subscriptionId: string): Promise<Json[]>;
  untilDeliveries(admin: Sender, subscriptionId: string, look: (deliveries: Json[]) => boolean): Promise<Json[]>;
  startWorker(settings?: Record<string, string>): Promise<WorkerApp>;
  close(): Promise<void>;
}

/** Settings that let webhooks go to the receiver, and try again soon. */
export const webhookSettings = {
  ROWHOUSE_WEBHOOK_ALLOWED_TARGETS: "127.0.0.1,hooks.test",
  ROWHOUSE_WEBHOOK_RETRY_SECONDS: "0.2,0.4,0.6",
  ROWHOUSE_WEBHOOK_TIMEOUT_MS: "2000",
};

/** Starts what webhooks need, without a worker. */
export async function startWebhookWorld(): Promise<WebhookWorld> {
  const database = await createTestDatabase();
  const api = await startGraphqlApi(database, webhookSettings);
  const receiver = await startWebhookReceiver();
  let count = 0;
  const deliveries = async (admin: Sender, id: string) => {
    const query = `query($id: ID!) { webhookSubscription(id: $id) { deliveries(first: 1000) { nodes {
      id eventId eventType status attemptCount responseStatus responseBody errorCode errorMessage nextAttemptAt
      deliveredAt isBlocked payload replayedAt } } } }`;
    return (await api.ask(admin, query, { id })).webhookSubscription.deliveries.nodes as Json[];
  };
  return {
    database,
    api,
    receiver,
    createAdmin: async () => ({ ...(await createTenant(database, `hooks-${++count}`)), role: "admin" }),
    async subscribe(admin, types = [], url) {
      const path = `/hook-${++count}`;
      const input = { name: `Hook ${count}`, url: url ?? receiver.url + path, types };
      const data = await api.ask(
        admin,
        `mutation($input: CreateWebhookSubscriptionInput!) {
          createWebhookSubscription(input: $input) { secret webhookSubscription { id } } }`,
        { input },
      );
      const { secret, webhookSubscription } = data.createWebhookSubscription;
      return { id: webhookSubscription.id, secret, path };
    },
    async createContact(sender, firstName = "Ada") {
      const query = `mutation($input: CreateContactInput!) { createContact(input: $input) { contact { id } } }`;
      return (await api.ask(sender, query, { input: { contact: { firstName } } })).createContact.contact.id;
    },
    async renameContact(sender, id, firstName) {
      const query = `mutation($input: UpdateContactInput!) { updateContact(input: $input) { contact { id } } }`;
      await api.ask(sender, query, { input: { id, patch: { firstName } } });
    },
    deliveries,
    untilDeliveries: (admin, id, look) =>
      until("the deliveries are as they should be", async () => {
        const all = await deliveries(admin, id);
        return look(all) && all;
      }),
    startWorker: (settings = {}) =>
      startTestWorker(database, { config: testConfig("data", { ...webhookSettings, ...settings }) }),
    async close() {
      await api.close();
      await receiver.close();
      await database.drop();
    },
  };
}
