import type { Pool } from "pg";
import { inTenantTransaction, type TenantClaims } from "../../lib/tenant-transaction.ts";
import { readEvent } from "./read-event.ts";
import { verifySignature, type Finding, type SignedCall } from "./signature-schemes.ts";
import type { WebhookSource } from "./webhook-source.ts";

/** What became of a call: the verdict that was written. */
export type Verdict = Finding["verdict"] | "duplicate" | "replayed";

const storeSql =
  "insert into pipeline.webhook_events (webhook_source_id, raw_body, body_byte_count, headers) values ($1, $2, $3, $4) returning id";
const judgeSql = "select private.judge_webhook_event($1, $2, $3, $4, $5, $6, $7) as verdict";

/**
 * Takes a call: stores it as it came, and commits; then looks at its signature and writes the verdict, in whose
 * transaction the job that processes it is queued. Whatever fails after the first commit, the call is not lost.
 */
export async function receiveWebhook(
  pool: Pool,
  source: WebhookSource,
  call: SignedCall,
  requestId: string,
): Promise<Verdict> {
  const claims: TenantClaims = { tenantId: source.tenantId, requestId };
  const { headers, body } = call;
  const stored = await inTenantTransaction(pool, claims, (client) =>
    client.query<{ id: string }>(storeSql, [source.id, body, body.length, JSON.stringify(headers)]),
  );
  const finding = verifySignature(call, source.rule());
  const event = readEvent(source, headers, body);
  const signature = finding.signature?.slice(0, 2000);
  const values = [finding.verdict, event.type, event.id, event.payload, signature, finding.signedDigest];
  const judged = await inTenantTransaction(pool, claims, (client) =>
    client.query<{ verdict: Verdict }>(judgeSql, [stored.rows[0]!.id, ...values.map((value) => value ?? null)]),
  );
  return judged.rows[0]!.verdict;
}
