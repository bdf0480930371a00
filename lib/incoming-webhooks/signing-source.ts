import { sealedContext } from "../sealed-columns.ts";
import { openSecret, type KeySettings } from "../sealed-secret.ts";
import type { EventPlaces } from "./read-event.ts";
import type { SigningRule } from "./signature-schemes.ts";

/** What a call of a source is read and verified by. */
export interface SigningSource extends EventPlaces {
  readonly tenantId: string;
  readonly id: string;
  /** The unguessable part of its address. */
  readonly token: string;
  /** What its calls are verified by; throws when a secret cannot be opened. */
  rule(): SigningRule;
}

/** A source as the database gives it, with the secrets that count for the call. */
export interface SourceRow {
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

/** A source that calls are judged by; its secrets are opened when the rule is asked for. */
export function signingSource(settings: KeySettings, token: string, row: SourceRow): SigningSource {
  const { tenant_id: tenantId, webhook_source_id: id, scheme } = row;
  const open = (sealed: Buffer | null) =>
    sealed === null ? [] : [openSecret(settings, sealed, sealedContext("webhook_source", tenantId, id))];
  return {
    ...{ tenantId, id, token, scheme, eventIdFrom: row.event_id_from, eventTypeFrom: row.event_type_from },
    rule: () => ({
      scheme,
      signatureHeader: row.signature_header,
      signatureEncoding: row.signature_encoding,
      toleranceSeconds: row.tolerance_seconds,
      secrets: [...open(row.sealed_secret), ...open(row.previous_sealed_secret)],
    }),
  };
}
