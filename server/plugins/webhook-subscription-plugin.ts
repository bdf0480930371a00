import { access } from "postgraphile/grafast";
import { sideEffectWithPgClientTransaction } from "postgraphile/@dataplan/pg";
import { extendSchema, gql } from "postgraphile/utils";
import type { Config } from "../../lib/config.ts";
import { createOutboundGuard } from "../../lib/outbound-guard.ts";
import { sealedContext } from "../../lib/sealed-columns.ts";
import { sealSecret } from "../../lib/sealed-secret.ts";
import { decodeTypeId, encodeTypeId } from "../../lib/type-id.ts";
import { newWebhookSecret } from "../../lib/webhook-signature.ts";
import { currentSession } from "../http/request-scope.ts";

const typeDefs = gql`
  extend type Mutation {
    """
    Makes an outgoing webhook. The secret that signs it is in the answer, and never shown again.
    """
    createWebhookSubscription(input: CreateWebhookSubscriptionInput!): CreateWebhookSubscriptionPayload
    """
    Gives an outgoing webhook a new secret, which signs at once; the old one signs as well for a while longer.
    """
    rotateWebhookSecret(input: RotateWebhookSecretInput!): RotateWebhookSecretPayload
  }

  """
  The outgoing webhook to make.
  """
  input CreateWebhookSubscriptionInput {
    """
    By which people know what it is for.
    """
    name: String!
    description: String
    """
    Address that events are sent to: https, on the public internet.
    """
    url: String!
    """
    Types of events to send, such as contact.created or contact.*; none for all.
    """
    types: [String!]
  }

  """
  The outgoing webhook to give a new secret.
  """
  input RotateWebhookSecretInput {
    webhookSubscriptionId: ID!
    """
    For how many minutes the old secret signs as well: a day unless told, 0 to end it at once.
    """
    overlapMinutes: Int
  }

  """
  The outcome of \`createWebhookSubscription\`.
  """
  type CreateWebhookSubscriptionPayload {
    """
    The secret that receivers verify signatures with, as Standard Webhooks has them. It is not shown again.
    """
    secret: String!
    webhookSubscription: WebhookSubscription
  }

  """
  The outcome of \`rotateWebhookSecret\`.
  """
  type RotateWebhookSecretPayload {
    """
    The new secret. It is not shown again.
    """
    secret: String!
    webhookSubscription: WebhookSubscription
  }
`;

interface CreateInput {
  readonly name: string;
  readonly description?: string | null;
  readonly url: string;
  readonly types?: readonly string[] | null;
}

interface RotateInput {
  readonly webhookSubscriptionId: string;
  readonly overlapMinutes?: number | null;
}

/** What the payloads are read from. */
interface Made {
  readonly secret: string;
  readonly id: string;
}

const dayMinutes = 1440;
const createSql = "select app.create_webhook_subscription($1, $2, $3, $4, $5, $6)";
const rotateSql = "select app.rotate_webhook_secret($1, $2, make_interval(mins => $3))";

/** `createWebhookSubscription` and `rotateWebhookSecret`: the secret is made and sealed here. */
export const webhookSubscriptionPlugin = (config: Config): GraphileConfig.Plugin =>
  extendSchema((build: any) => {
    const guard = createOutboundGuard(config.webhookAllowedTargets);
    const subscriptions: any = Object.values<any>(build.pgResources).find(
      (each) => each.codec.extensions?.pg?.name === "webhook_subscriptions" && !each.parameters,
    );
    /** A new secret, and as it is kept for a subscription. */
    const make = (id: string) => {
      const secret = newWebhookSecret();
      // Without a tenant the functions refuse before they look at the secret.
      const context = sealedContext("webhook_subscription", currentSession().tenantId ?? "", id);
      return { secret, sealed: sealSecret(config, secret, context) };
    };
    async function create(client: any, { name, description, url, types }: CreateInput): Promise<Made> {
      guard.check(url);
      const { rows } = await client.query({ text: "select uuidv7() as id" });
      const id: string = rows[0].id;
      const { secret, sealed } = make(id);
      await client.query({ text: createSql, values: [id, name, description ?? null, url, types ?? [], sealed] });
      return { secret, id: encodeTypeId("wsub", id) };
    }
    async function rotate(client: any, { webhookSubscriptionId, overlapMinutes }: RotateInput): Promise<Made> {
      const id = decodeTypeId("wsub", webhookSubscriptionId);
      const { secret, sealed } = make(id);
      await client.query({ text: rotateSql, values: [id, sealed, overlapMinutes ?? dayMinutes] });
      return { secret, id: webhookSubscriptionId };
    }
    const mutation = (work: (client: any, input: any) => Promise<Made>) => (_: unknown, args: any) =>
      sideEffectWithPgClientTransaction(subscriptions.executor, args.getRaw("input"), work as any);
    const payload = {
      plans: {
        secret: ($made: any) => access($made, "secret"),
        webhookSubscription: ($made: any) => subscriptions.get({ id: access($made, "id") }),
      },
    };
    return {
      typeDefs,
      objects: {
        Mutation: { plans: { createWebhookSubscription: mutation(create), rotateWebhookSecret: mutation(rotate) } },
        CreateWebhookSubscriptionPayload: payload,
        RotateWebhookSecretPayload: payload,
      },
    } as any;
  });
