import type { Pool } from "pg";
import type { KeySettings } from "../../lib/sealed-secret.ts";
import { openSecret } from "../../lib/sealed-secret.ts";
import { sealedContext } from "../../lib/sealed-columns.ts";
import { askIdentity } from "../auth/identity-transaction.ts";
import type { EventPlaces } from "./read-event.ts";
import type { SigningRule } from "./signature-schemes.ts";

/** A source that takes calls. */
export interface WebhookSource extends EventPlaces {
  readonly tenantId: string;
  readonly id: string;
  /** What its calls are verified by; throws when a secret cannot be opened. */
  rule(): SigningRule;
}

interface Row {
  readonly tenant_id: string;
  readonly webhook_source_id: string;
  readonly scheme: string;
  readonly signature_header: string | null;
  readonly signature_encoding: string;
  readonly tolerance_seconds: number;
  readonly event_id_from: string | null;
  readonly event_type_from: string | null;
  readonly sealed_secret: Buffer | null;
  readonly previous_sealed_secret: Buffer | null;
}

/** A token that no source has: whatever is asked for, the database is asked once. */
const nobody = "0".repeat(64);

/** The active source at an address, before anybody knows whose it is. */
export async function findWebhookSource(
  pool: Pool,
  settings: KeySettings,
  token: string,
): Promise<WebhookSource | undefined> {
  const sql = "select * from private.find_webhook_source($1)";
  const row = await askIdentity<Row>(pool, sql, [/^[0-9a-f]{64}$/.test(token) ? token : nobody]);
  if (row === undefined) return undefined;
  const { tenant_id: tenantId, webhook_source_id: id, scheme } = row;
  const open = (sealed: Buffer | null) =>
    sealed === null ? [] : [openSecret(settings, sealed, sealedContext("webhook_source", tenantId, id))];
  return {
    ...{ tenantId, id, scheme, eventIdFrom: row.event_id_from, eventTypeFrom: row.event_type_from },
    rule: () => ({
      scheme,
      signatureHeader: row.signature_header,
      signatureEncoding: row.signature_encoding,
      toleranceSeconds: row.tolerance_seconds,
      secrets: [...open(row.sealed_secret), ...open(row.previous_sealed_secret)],
    }),
  };
}
