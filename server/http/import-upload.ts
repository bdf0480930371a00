import { Router, type Request, type RequestHandler, type Response } from "express";
import type { Hash } from "node:crypto";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Pool } from "pg";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { inTenantTransaction, type TenantClaims } from "../../lib/tenant-transaction.ts";
import { encodeTypeId, parseTypeId } from "../../lib/type-id.ts";
import { refuseMasked } from "../auth/refuse-masked.ts";
import { requireScope } from "../auth/require-scope.ts";
import { idempotentUpload } from "../idempotency/idempotent-upload.ts";
import { readRejects } from "../imports/read-rejects.ts";
import { receiveUpload } from "../imports/receive-upload.ts";
import { refuseBody } from "./refuse-body.ts";
import { scopeOf } from "./request-scope.ts";

/** What imports are received with. */
export interface ImportUploadOptions {
  readonly pool: Pool;
  readonly config: Config;
  readonly log: Log;
  /** How long a sender may stay silent, in milliseconds. */
  readonly silentMs?: number;
  /** Aborted when the server shuts down: uploads are interrupted, and go on elsewhere. */
  readonly draining?: AbortSignal;
  /** How long an upload may still go on then, in milliseconds. */
  readonly drainMs?: number;
}

/** What is told of an import: enough for a script that sends a file and waits. */
const readStatus = (isMasked: boolean) => `select status, file_name as "fileName", format, encoding, delimiter,
    ${isMasked ? "app.mask_json(headers, false, false)" : "headers"} as headers, is_dry_run as "isDryRun",
    byte_count::float8 as "byteCount", line_count::float8 as "lineCount", accepted_count::float8 as "acceptedCount",
    rejected_count::float8 as "rejectedCount", warning_count::float8 as "warningCount", inserted_count::float8 as "insertedCount",
    filled_count::float8 as "filledCount", overwritten_count::float8 as "overwrittenCount", skipped_count::float8 as "skippedCount",
    error_code as "errorCode", ${isMasked ? "app.mask_text(error_message)" : "error_message"} as "errorMessage"
  from lists.list_imports where id = $1`;

/**
 * `POST /:id` streams a file into an import, `GET /:id` tells how far it is, `GET /:id/rejects` gives the lines that were
 * not taken. The caller is signed in to the import's tenant; the import of another tenant is answered as an unknown one.
 */
export function importUpload(options: ImportUploadOptions): Router {
  const { pool, config, log, silentMs = 60_000 } = options;
  const router = Router();
  // Each upload holds a connection to the end; the other half of them is for everybody else.
  const uploadsMax = Math.max(1, Math.floor(config.poolSize / 2));
  let uploads = 0;
  router.param("id", (req, _res, next, id: string) => {
    const uuid = parseTypeId(id)?.uuid ?? id;
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) req.params["id"] = uuid.toLowerCase();
    else return next(new RowhouseError("NOT_FOUND", `There is no import ${id.slice(0, 60)}.`));
    next();
  });

  router.post(
    "/:id",
    answering(async (req, res) => {
      const claims = await claimsOf(pool, res, "member");
      refuseForms(req);
      if (uploads >= uploadsMax) {
        res.setHeader("Retry-After", "10");
        return refuseBody(req, res, new RowhouseError("LIMIT_EXCEEDED", tooMany(uploadsMax)), 503);
      }
      const keyed = await idempotentUpload(options, req, res, claims);
      if (keyed.isAnswered) return;
      uploads++;
      req.setTimeout(silentMs, () => req.destroy());
      await receiveUpload({
        pool,
        claims,
        importId: req.params["id"] as string,
        body: bodyOf(req, options, keyed.hash),
        contentType: req.get("content-type"),
        maxBytes: config.importBytesMax,
        allowsSameFile: req.query["duplicate"] === "allow",
      })
        .catch((error: unknown) => {
          const cause = error instanceof RowhouseError ? error.cause : error;
          if (cause && !res.destroyed)
            log.error({ err: cause, requestId: scopeOf(res).requestId }, "an upload broke off");
          throw error;
        })
        .finally(() => {
          uploads--;
          req.setTimeout(0);
        });
      res.status(202).json(await statusOf(pool, claims, req));
    }),
  );

  router.get(
    "/:id",
    answering(async (req, res) => {
      res.json(await statusOf(pool, await claimsOf(pool, res, "viewer"), req, scopeOf(res).session.isMasked));
    }),
  );

  router.get(
    "/:id/rejects",
    answering(async (req, res) => {
      const claims = await claimsOf(pool, res, "viewer");
      refuseMasked(scopeOf(res).session, "The rejected lines of an import hold");
      await statusOf(pool, claims, req);
      res.attachment("rejects.csv").type("text/csv; charset=utf-8");
      await pipeline(Readable.from(readRejects(pool, claims, req.params["id"] as string)), res);
    }),
  );
  return router;
}

async function statusOf(pool: Pool, claims: TenantClaims, req: Request, isMasked = false) {
  const rowId = req.params["id"] as string;
  const id = encodeTypeId("imp", rowId);
  const { rows } = await inTenantTransaction(pool, claims, (client) => client.query(readStatus(isMasked), [rowId]));
  if (!rows[0]) throw new RowhouseError("NOT_FOUND", `There is no import ${id}.`);
  return { id, rowId, ...rows[0] };
}

async function claimsOf(pool: Pool, res: Response, least: "viewer" | "member"): Promise<TenantClaims> {
  const { session } = scopeOf(res);
  if (session.role === undefined)
    throw new RowhouseError("UNAUTHENTICATED", "Send the access token: Authorization: Bearer <token>.");
  if (session.tenantId === undefined)
    throw new RowhouseError("TENANT_REQUIRED", "This session has no tenant. Sign in to a tenant.");
  if (least === "member" && session.role === "viewer")
    throw new RowhouseError("FORBIDDEN", "A viewer may not import. Ask for the role member.");
  await requireScope(pool, session, least === "member" ? "imports:write" : "imports:read");
  return { tenantId: session.tenantId, actorId: session.actorId };
}

function refuseForms(req: Request): void {
  const type = req.get("content-type") ?? "";
  if (/^multipart\//i.test(type)) {
    throw new RowhouseError(
      "VALIDATION_FAILED",
      "Send the file itself as the body, not a form: curl --data-binary @list.csv, or fetch with the file as body.",
    );
  }
  const encoding = req.get("content-encoding") ?? "identity";
  if (!/^(identity|gzip|x-gzip)$/i.test(encoding)) {
    throw new RowhouseError(
      "VALIDATION_FAILED",
      `The content encoding ${encoding.slice(0, 40)} is not understood. Send the file plain or compressed by gzip.`,
    );
  }
}

/** Answers errors as JSON. */
function answering(work: (req: Request, res: Response) => Promise<void>): RequestHandler {
  return (req, res, next) => {
    work(req, res).catch((error: unknown) => {
      if (res.headersSent || res.destroyed) return res.destroy();
      if (!(error instanceof RowhouseError)) return next(error);
      refuseBody(req, res, error);
    });
  };
}

const tooMany = (limit: number) =>
  `The server takes ${limit} uploads at a time, and has that many. Nothing of this one was taken: send it again in a while.`;

/** The body as a stream of its own: a reader that gives it up would end the request, and with it the answer. */
function bodyOf(req: Request, { draining, drainMs = 5_000 }: ImportUploadOptions, hash?: Hash): Transform {
  const transform: Transform["_transform"] = (chunk: Buffer, _encoding, done) => {
    hash?.update(chunk);
    done(null, chunk);
  };
  const body = req.pipe(new Transform({ transform }));
  // Its reader may have given up already.
  body.on("error", () => undefined);
  let timer: NodeJS.Timeout | undefined;
  const drain = () => {
    timer = setTimeout(() => body.destroy(new Error("The server is shutting down.")), drainMs);
  };
  if (draining?.aborted) drain();
  else draining?.addEventListener("abort", drain, { once: true });
  body.once("close", () => {
    clearTimeout(timer);
    draining?.removeEventListener("abort", drain);
  });
  req.once("close", () => {
    if (!req.readableEnded) body.destroy(new Error("The sender closed the connection."));
  });
  return body;
}
