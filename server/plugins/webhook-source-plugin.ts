import { access } from "postgraphile/grafast";
import { sideEffectWithPgClientTransaction } from "postgraphile/@dataplan/pg";
import { extendSchema } from "postgraphile/utils";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import { sealedContext } from "../../lib/sealed-columns.ts";
import { sealSecret } from "../../lib/sealed-secret.ts";
import { decodeTypeId, encodeTypeId } from "../../lib/type-id.ts";
import { currentSession } from "../http/request-scope.ts";
import { checkSourceSecret, newSourceSecret } from "../webhooks/source-secret.ts";
import { webhookSourceTypes } from "./webhook-source-types.ts";

interface CreateInput {
  readonly name: string;
  readonly provider: string;
  readonly signatureScheme?: string | null;
  readonly signatureHeader?: string | null;
  readonly signatureEncoding?: string | null;
  readonly toleranceSeconds?: number | null;
  readonly eventIdFrom?: string | null;
  readonly eventTypeFrom?: string | null;
  readonly secret?: string | null;
}

interface SecretInput {
  readonly webhookSourceId: string;
  readonly secret?: string | null;
  readonly overlapMinutes?: number | null;
}

/** What the payloads are read from. */
interface Made {
  readonly id: string;
  readonly url?: string;
  readonly secret?: string | undefined;
}

const dayMinutes = 1440;
const createSql = "select id, path_token from app.create_webhook_source($1, $2, $3, $4, $5, $6, $7, $8)";
const secretSql = "select app.set_webhook_source_secret($1, $2, make_interval(mins => $3))";
const schemeSql = "select signature_scheme from pipeline.webhook_sources where id = $1 and deleted_at is null";
const rotateSql = "select path_token from app.rotate_webhook_source_address($1)";

/** `createWebhookSource`, `setWebhookSourceSecret`, `rotateWebhookSourceAddress`: secrets are sealed here, and shown once. */
export const webhookSourcePlugin = (config: Config): GraphileConfig.Plugin =>
  extendSchema((build: any) => {
    const sources: any = Object.values<any>(build.pgResources).find(
      (each) => each.codec.extensions?.pg?.name === "webhook_sources" && !each.parameters,
    );
    const urlOf = (token: string) => `${config.publicUrl}/hooks/${token}`;
    const one = async (client: any, text: string, values: unknown[]) =>
      (await client.query({ text, values: values.map((value) => value ?? null) })).rows[0];

    /** Keeps the secret that was given, or a new one; the new one, to be shown. */
    async function keep(client: any, id: string, scheme: string, given: string | null | undefined, minutes: number) {
      const made = given == null ? newSourceSecret(scheme) : undefined;
      const secret = given ?? made;
      if (secret === undefined) return undefined;
      checkSourceSecret(scheme, secret);
      // Without a tenant the function refuses before it looks at the secret.
      const context = sealedContext("webhook_source", currentSession().tenantId ?? "", id);
      await one(client, secretSql, [id, sealSecret(config, secret, context), minutes]);
      return made;
    }

    async function create(client: any, input: CreateInput): Promise<Made> {
      const scheme = input.signatureScheme ?? "none";
      const { name, provider, signatureHeader, signatureEncoding, toleranceSeconds } = input;
      const places = [input.eventIdFrom, input.eventTypeFrom];
      const values = [name, provider, scheme, signatureHeader?.toLowerCase(), signatureEncoding, toleranceSeconds];
      const row = await one(client, createSql, [...values, ...places]);
      const secret = await keep(client, row.id, scheme, input.secret, 0);
      return { id: encodeTypeId("whs", row.id), url: urlOf(row.path_token), secret };
    }

    async function setSecret(client: any, input: SecretInput): Promise<Made> {
      const id = decodeTypeId("whs", input.webhookSourceId);
      const row = await one(client, schemeSql, [id]);
      if (row === undefined) throw unknown(input.webhookSourceId);
      const { secret, overlapMinutes } = input;
      if (secret == null && newSourceSecret(row.signature_scheme) === undefined) {
        const message = "The service gives the secret of this scheme, or it has none. Send the one that it shows you.";
        throw new RowhouseError("VALIDATION_FAILED", message, { field: "secret" });
      }
      const made = await keep(client, id, row.signature_scheme, secret, overlapMinutes ?? dayMinutes);
      return { id: input.webhookSourceId, secret: made };
    }

    async function rotate(client: any, { webhookSourceId }: SecretInput): Promise<Made> {
      const row = await one(client, rotateSql, [decodeTypeId("whs", webhookSourceId)]);
      return { id: webhookSourceId, url: urlOf(row.path_token) };
    }

    const mutation = (work: (client: any, input: any) => Promise<Made>) => (_: unknown, args: any) =>
      sideEffectWithPgClientTransaction(sources.executor, args.getRaw("input"), work as any);
    const webhookSource = ($made: any) => sources.get({ id: access($made, "id") });
    const [url, secret] = [($made: any) => access($made, "url"), ($made: any) => access($made, "secret")];
    return {
      typeDefs: webhookSourceTypes,
      objects: {
        Mutation: {
          plans: {
            createWebhookSource: mutation(create),
            setWebhookSourceSecret: mutation(setSecret),
            rotateWebhookSourceAddress: mutation(rotate),
          },
        },
        CreateWebhookSourcePayload: { plans: { url, secret, webhookSource } },
        SetWebhookSourceSecretPayload: { plans: { secret, webhookSource } },
        RotateWebhookSourceAddressPayload: { plans: { url, webhookSource } },
      },
    } as any;
  });

function unknown(id: string): RowhouseError {
  const message = `There is no source of webhooks ${id}.`;
  return new RowhouseError("NOT_FOUND", message, { field: "webhookSourceId" });
}
