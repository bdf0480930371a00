import type { Pool } from "pg";
import { blotAddress } from "../../lib/incoming-webhooks/blot-address.ts";
import { judgeCall, writeVerdict, type Verdict } from "../../lib/incoming-webhooks/judge-call.ts";
import type { SignedCall } from "../../lib/incoming-webhooks/signature-schemes.ts";
import type { SigningSource } from "../../lib/incoming-webhooks/signing-source.ts";
import { inTenantTransaction, type TenantClaims } from "../../lib/tenant-transaction.ts";

const storeSql = `insert into pipeline.webhook_events (webhook_source_id, raw_body, body_byte_count, headers, repeated_headers, called_urls)
  values ($1, $2, $3, $4, $5, $6) returning id`;

/**
 * Takes a call: stores it as it came, and commits; then looks at its signature and writes the verdict, in whose
 * transaction the job that processes it is queued. Whatever fails after the first commit, the call is not lost: a worker
 * finds it a minute later, and judges it by the same code.
 */
export async function receiveWebhook(
  pool: Pool,
  source: SigningSource,
  call: SignedCall,
  requestId: string,
): Promise<Verdict> {
  const claims: TenantClaims = { tenantId: source.tenantId, requestId };
  const { headers, body, repeated } = call;
  // An address that spells its secret in another way could not be blotted out: it is not kept at all.
  const urls = call.urls.filter((url) => url.includes(source.token)).map((url) => blotAddress(url, source.token));
  const values = [source.id, body, body.length, JSON.stringify(headers), [...repeated], urls];
  const stored = await inTenantTransaction(pool, claims, (client) => client.query<{ id: string }>(storeSql, values));
  const judgement = judgeCall(source, call, Date.now());
  return inTenantTransaction(pool, claims, (client) => writeVerdict(client, stored.rows[0]!.id, judgement));
}
