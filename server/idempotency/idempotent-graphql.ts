import express, { type Request, type RequestHandler, type Response } from "express";
import type { Pool } from "pg";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { scopeOf, type RequestScope } from "../http/request-scope.ts";
import { sendGraphqlError } from "../http/send-error.ts";
import { bodyTooLarge } from "../limits/body-limit.ts";
import { claimKey, conflict, hashOf, holdKey, keyHashOf, type KeptAnswer, settleKey } from "./idempotency-store.ts";
import { sendAgain, takeAnswer } from "./take-answer.ts";

/** What remembering answers needs. */
export interface IdempotencyContext {
  readonly pool: Pool;
  readonly config: Config;
  readonly log: Log;
}

/**
 * GraphQL requests with an Idempotency-Key: a repeat gets the first answer, and nothing is done twice. Only requests of
 * an actor of a tenant have keys; what changed nothing, such as a query or a refusal, is not remembered.
 */
export function idempotentGraphql(context: IdempotencyContext): RequestHandler[] {
  const { config, log } = context;
  const isKeyed = (req: Request, res: Response) =>
    req.headers["idempotency-key"] !== undefined && req.method === "POST" && scopeOf(res).session.actorId !== undefined;
  const readBody = express.raw({ type: () => true, limit: config.bodyBytesMax });
  return [
    (req, res, next) => {
      if (!isKeyed(req, res)) return next();
      readBody(req, res, (error: unknown) =>
        (error as { status?: number } | undefined)?.status === 413 ? refuseLength(res, config) : next(error),
      );
    },
    (req, res, next) => {
      if (!isKeyed(req, res)) return next();
      begin(context, req, res).then(
        (answer) => (answer ? replay(res, answer) : next()),
        (error: unknown) => {
          if (!(error instanceof RowhouseError)) return next(error);
          if (error.details?.["reason"] === "in_progress") res.setHeader("Retry-After", "1");
          log.debug({ err: error, requestId: scopeOf(res).requestId }, "an idempotency key was refused");
          sendGraphqlError(res, error);
        },
      );
    },
  ];
}

function refuseLength(res: Response, { bodyBytesMax }: Config): void {
  const { message, details } = bodyTooLarge(bodyBytesMax);
  sendGraphqlError(res, new RowhouseError("LIMIT_EXCEEDED", message, { details }));
}

async function begin(context: IdempotencyContext, req: Request, res: Response): Promise<KeptAnswer | undefined> {
  const scope = scopeOf(res);
  const { tenantId, actorId } = scope.session as { tenantId: string; actorId: string };
  const keyHash = keyHashOf(String(req.headers["idempotency-key"]));
  const request = { tenantId, actorId, keyHash };
  const body: unknown = req.body;
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  // Without one, the library would wait for a body that was read already.
  req.body = bytes;
  const kept = await claimKey(context, request, hashOf(req.originalUrl, req.get("content-type") ?? "", bytes));
  if (kept) return kept;
  const letGo = holdKey(context.pool, request);
  res.once("close", letGo);
  scope.idempotencyKeyHash = keyHash;
  takeAnswer(res, async (answer) => {
    letGo();
    await settleKey(context, request, hasSucceeded(scope, answer), answer).catch((error: unknown) =>
      context.log.error({ err: error, requestId: scope.requestId }, "the answer to an idempotency key was not kept"),
    );
  });
  return undefined;
}

function replay(res: Response, answer: KeptAnswer): void {
  if (answer.body === undefined) return sendGraphqlError(res, conflict("answer_lost"));
  sendAgain(res, answer);
}

/** Whether a mutation went well, also one whose transaction is not the API's own. */
function hasSucceeded({ operation }: RequestScope, { status, body }: KeptAnswer): boolean {
  if (status !== 200 || !isMutation(operation)) return false;
  try {
    return body === undefined || (JSON.parse(body) as { errors?: unknown }).errors === undefined;
  } catch {
    return false;
  }
}

/** Whether an operation, as the access log names it, is a mutation. */
export function isMutation(operation: string | undefined): boolean {
  return operation?.startsWith("mutation") ?? false;
}
