import type { Pool } from "pg";
import { signingSource, type SigningSource, type SourceRow } from "../../lib/incoming-webhooks/signing-source.ts";
import type { KeySettings } from "../../lib/sealed-secret.ts";
import { askIdentity } from "../auth/identity-transaction.ts";

/** A token that no source has: whatever is asked for, the database is asked once. */
const nobody = "0".repeat(64);

/** The active source at an address, before anybody knows whose it is. */
export async function findWebhookSource(
  pool: Pool,
  settings: KeySettings,
  token: string,
): Promise<SigningSource | undefined> {
  const sql = "select * from private.find_webhook_source($1)";
  const row = await askIdentity<SourceRow>(pool, sql, [/^[0-9a-f]{64}$/.test(token) ? token : nobody]);
  return row && signingSource(settings, token, row);
}
