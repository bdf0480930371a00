import { createHash } from "node:crypto";
import type { Pool } from "pg";
import type { Config } from "../../lib/config.ts";
import { RowhouseError, SetupError } from "../../lib/errors.ts";
import { sealedContext } from "../../lib/sealed-columns.ts";
import { openSecret, sealSecret } from "../../lib/sealed-secret.ts";
import { withTransaction } from "../../lib/tenant-transaction.ts";

/** Who sends a request, and the key that names it. */
export interface IdempotentRequest {
  readonly tenantId: string;
  readonly actorId: string;
  readonly keyHash: string;
}

/** An answer as it was sent. */
export interface KeptAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Undefined when it was too long to keep. */
  readonly body: string | undefined;
  /** SHA-256 of what was sent, where that is known only at the end. */
  readonly contentHash?: string | undefined;
}

/** The longest answer that is kept, in bytes. */
export const answerBytesMax = 4 * 2 ** 20;

const begin = "begin; select set_config('role', 'rowhouse_identity', true)";
const format = /^[\x21-\x7e]{1,255}$/;
const contextOf = ({ tenantId, actorId, keyHash }: IdempotentRequest) =>
  sealedContext("answer", tenantId, actorId, keyHash);

/** SHA-256 of some texts, in hexadecimal. */
export function hashOf(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\n");
  return hash.digest("hex");
}

/** The hash of an Idempotency-Key. Throws VALIDATION_FAILED for one that is none. */
export function keyHashOf(header: string): string {
  if (!format.test(header)) {
    throw new RowhouseError(
      "VALIDATION_FAILED",
      "An Idempotency-Key has 1 to 255 visible ASCII characters, such as a UUID.",
      { field: "Idempotency-Key" },
    );
  }
  return hashOf(header);
}

/**
 * Claims a key. Returns undefined when the request is to be done, and the first answer when it was done before. Throws
 * CONFLICT, with details.reason, when the key names another request, one that is being done, or one whose answer was lost.
 */
export async function claimKey(
  { pool, config }: { readonly pool: Pool; readonly config: Config },
  request: IdempotentRequest,
  requestHash: string,
): Promise<KeptAnswer | undefined> {
  const row = await ask<{ outcome: string; sealed_answer: Buffer | null }>(
    pool,
    "select * from private.claim_idempotency_key($1, $2, $3, $4)",
    [request.tenantId, request.actorId, request.keyHash, requestHash],
  );
  if (row?.outcome === "claimed") return undefined;
  if (row?.outcome === "answered") {
    return JSON.parse(opened(config, row.sealed_answer!, contextOf(request))) as KeptAnswer;
  }
  throw conflict(row?.outcome ?? "in_progress");
}

/** An answer whose key was taken out of the settings is as good as lost. */
function opened(config: Config, sealed: Buffer, context: string): string {
  try {
    return openSecret(config, sealed, context);
  } catch (error) {
    throw error instanceof SetupError ? conflict("answer_lost") : error;
  }
}

/** Keeps a claimed key while the request is being done. Returns a function that ends that. */
export function holdKey(pool: Pool, { tenantId, actorId, keyHash }: IdempotentRequest): () => void {
  const timer = setInterval(() => {
    // Whoever loses it later is told so by the next claim.
    ask(pool, "select private.hold_idempotency_key($1, $2, $3)", [tenantId, actorId, keyHash]).catch(() => undefined);
  }, 20_000).unref();
  return () => clearInterval(timer);
}

/** Keeps the answer of a request that changed something, and lets go the key of one that changed nothing. */
export async function settleKey(
  { pool, config }: { readonly pool: Pool; readonly config: Config },
  request: IdempotentRequest,
  hasEffect: boolean,
  answer: KeptAnswer,
): Promise<void> {
  await ask(pool, "select private.settle_idempotency_key($1, $2, $3, $4, $5)", [
    request.tenantId,
    request.actorId,
    request.keyHash,
    hasEffect,
    sealSecret(config, JSON.stringify(answer), contextOf(request)),
  ]);
}

const reasons: Readonly<Record<string, string>> = {
  different: "This Idempotency-Key was used for another request. Use a new key for each new request.",
  in_progress: "The request with this Idempotency-Key is still being done. Send it again in a while.",
  answer_lost:
    "The request with this Idempotency-Key was done, but its answer was lost. Read what is there now; use a new key to do it again.",
};

/** That a key cannot be used for a request. */
export function conflict(reason: string): RowhouseError {
  return new RowhouseError("CONFLICT", reasons[reason]!, { field: "Idempotency-Key", details: { reason } });
}

async function ask<R extends object>(pool: Pool, sql: string, values: unknown[]): Promise<R | undefined> {
  return withTransaction(pool, begin, async (client) => (await client.query<R>(sql, values)).rows[0]);
}
