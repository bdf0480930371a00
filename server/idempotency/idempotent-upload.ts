import { createHash, type Hash } from "node:crypto";
import type { Request, Response } from "express";
import type { TenantClaims } from "../../lib/tenant-transaction.ts";
import { claimKey, conflict, hashOf, holdKey, keyHashOf, settleKey } from "./idempotency-store.ts";
import type { IdempotencyContext } from "./idempotent-graphql.ts";
import { sendAgain, takeAnswer } from "./take-answer.ts";

/** What became of the key of an upload: its answer was sent again, or it is to be received and hashed on the way. */
export type KeyedUpload = { readonly isAnswered: true } | { readonly isAnswered: false; readonly hash?: Hash };

/**
 * An upload with an Idempotency-Key: a repeat of the same bytes gets the first answer, other bytes are refused. Only an
 * upload that was taken is remembered; one that broke off can be sent again with its key.
 */
export async function idempotentUpload(
  context: IdempotencyContext,
  req: Request,
  res: Response,
  { tenantId, actorId }: TenantClaims,
): Promise<KeyedUpload> {
  const key = req.headers["idempotency-key"];
  if (typeof key !== "string" || actorId === undefined) return { isAnswered: false };
  const request = { tenantId, actorId, keyHash: keyHashOf(key) };
  const kept = await claimKey(context, request, hashOf(req.originalUrl));
  const hash = createHash("sha256");
  if (kept) {
    // A body may be as long as a file: it is read to be compared, and dropped.
    for await (const chunk of req) hash.update(chunk as Buffer);
    if (kept.contentHash !== hash.digest("hex")) throw conflict("different");
    sendAgain(res, kept);
    return { isAnswered: true };
  }
  const letGo = holdKey(context.pool, request);
  const settle = (isTaken: boolean, answer: Parameters<typeof settleKey>[3]) =>
    settleKey(context, request, isTaken, answer).catch((error: unknown) =>
      context.log.error({ err: error }, "the answer to an idempotency key was not kept"),
    );
  let isOver = false;
  takeAnswer(res, async (answer) => {
    isOver = true;
    await settle(answer.status === 202, { ...answer, contentHash: hash.digest("hex") });
  });
  res.once("close", () => {
    letGo();
    if (!isOver) void settle(false, { status: 499, contentType: "", body: undefined });
  });
  return { isAnswered: false, hash };
}
