import type { Pool } from "pg";
import type { Config } from "../../lib/config.ts";
import { restoreAddress } from "../../lib/incoming-webhooks/blot-address.ts";
import { judgeCall, writeVerdict, type Verdict } from "../../lib/incoming-webhooks/judge-call.ts";
import { signingSource, type SourceRow } from "../../lib/incoming-webhooks/signing-source.ts";
import { inTenantTransaction } from "../../lib/tenant-transaction.ts";
import { defineMaintenance } from "../define-task.ts";

interface Waiting {
  readonly tenant_id: string;
  readonly id: string;
}

interface HeldCall extends SourceRow {
  readonly path_token: string;
  readonly headers: Record<string, string>;
  readonly repeated_headers: string[];
  readonly called_urls: string[];
  readonly raw_body: Buffer;
  readonly received_at: Date;
}

const batchSize = 200;
const first: Waiting = {
  tenant_id: "00000000-0000-0000-0000-000000000000",
  id: "00000000-0000-0000-0000-000000000000",
};

/**
 * Judges the calls that were stored, and whose server stopped before it did: as it would have, by the time when they
 * came. One that cannot be judged, since its secret cannot be opened, waits for the next time, and holds nobody up.
 */
export const judgeWebhookEvents = defineMaintenance("judge_webhook_events", async ({ pool, config, log, signal }) => {
  let judged = 0;
  for (let last: Waiting | undefined = first; last;) {
    const { rows }: { rows: Waiting[] } = await pool.query<Waiting>(
      "select * from private.unjudged_webhook_events($1, $2, $3)",
      [last.tenant_id, last.id, batchSize],
    );
    for (const { tenant_id: tenantId, id } of rows) {
      if (signal.aborted) return;
      const verdict = await judge(pool, config, tenantId, id).catch((error: unknown) =>
        log.error({ err: error, tenantId, webhookEventId: id }, "a webhook that was left was not judged"),
      );
      if (verdict !== undefined) judged++;
    }
    last = rows.length < batchSize ? undefined : rows.at(-1);
  }
  if (judged > 0) log.info({ judged }, "judged webhooks that were left");
});

/** The verdict, or undefined when somebody else judges the call. */
function judge(pool: Pool, config: Config, tenantId: string, id: string): Promise<Verdict | undefined> {
  return inTenantTransaction(pool, { tenantId }, async (client) => {
    const { rows } = await client.query<HeldCall>("select * from private.hold_webhook_event($1)", [id]);
    const held = rows[0];
    if (held === undefined) return undefined;
    const { path_token: token, headers, raw_body: body } = held;
    const urls = held.called_urls.map((url) => restoreAddress(url, token));
    const call = { headers, body, urls, repeated: new Set(held.repeated_headers) };
    return writeVerdict(client, id, judgeCall(signingSource(config, token, held), call, held.received_at.getTime()));
  });
}
