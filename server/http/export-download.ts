import { Router, type Request, type Response } from "express";
import { pipeline } from "node:stream/promises";
import type { Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import type { ByteRange, FileStore } from "../../lib/file-store.ts";
import type { Log } from "../../lib/log.ts";
import { checkLink, type LinkTarget } from "../../lib/signed-link.ts";
import { inTenantTransaction } from "../../lib/tenant-transaction.ts";
import { sendError } from "./send-error.ts";

/** What downloads are served from. */
export interface ExportDownloadOptions {
  readonly pool: Pool;
  readonly store: FileStore;
  /** Signed the links: the present secret, and those before it. */
  readonly secrets: readonly string[];
  readonly log: Log;
}

interface FileRow {
  readonly file_name: string;
  readonly storage_key: string;
  readonly content_type: string;
  readonly sha256: string;
}

/**
 * Serves `GET /:fileId` with the parameters of a signed link; the signature is the authority, no token is needed.
 * Forged links are answered with 403, expired ones and removed files with 410. Knows ranges and If-None-Match.
 */
export function exportDownload({ pool, store, secrets, log }: ExportDownloadOptions): Router {
  const router = Router();
  // Answers HEAD, too.
  router.get("/:fileId", async (req, res) => {
    const { tenant, expires, signature } = req.query;
    const link = { fileId: req.params.fileId, tenant, expires, signature };
    const checks = secrets.map((secret) => checkLink(secret, link));
    const check = checks.find(({ kind }) => kind !== "forged") ?? { kind: "forged" };
    if (check.kind === "forged") return sendError(res, forged());
    if (check.kind === "expired") return sendError(res, expired(check.expiredAt), 410);
    const file = await findFile(pool, check.target);
    if (!file) return sendError(res, removed(), 410);
    const size = await store.size(file.storage_key);

    describe(res, file);
    if (hasIt(req, file)) return void res.status(304).end();
    const range = rangeOf(req, file, size);
    if (range === "beyond") return void res.status(416).set("Content-Range", `bytes */${size}`).end();
    const part = range ?? { start: 0, end: size - 1 };
    res.set("Content-Length", String(part.end - part.start + 1));
    if (range) res.status(206).set("Content-Range", `bytes ${range.start}-${range.end}/${size}`);
    if (req.method === "HEAD") return void res.end();
    if (part.start === 0) await countDownload(pool, check.target);
    if (size === 0) return void res.end();
    await pipeline(store.read(file.storage_key, part), res).catch((error: NodeJS.ErrnoException) => {
      // A client that goes away is no error of ours.
      if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") log.error({ err: error }, "a download broke off");
      res.destroy();
    });
  });
  return router;
}

function describe(res: Response, { file_name: name, content_type: type, sha256 }: FileRow): void {
  res.attachment(name);
  res.set({
    "Content-Type": type,
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-cache",
    ETag: `"${sha256}"`,
  });
}

/** Whether the client says that it has the file; `req.fresh` would not count when it also asks past caches. */
function hasIt(req: Request, { sha256 }: FileRow): boolean {
  const tags = (req.get("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(`"${sha256}"`) || tags.includes("*");
}

/** The one range that is asked for; undefined means the whole file. */
function rangeOf(req: Request, { sha256 }: FileRow, size: number): ByteRange | "beyond" | undefined {
  const condition = req.get("if-range");
  if (condition !== undefined && condition !== `"${sha256}"`) return undefined;
  const ranges = req.range(size, { combine: true });
  if (ranges === -1) return "beyond";
  if (ranges === undefined || ranges === -2 || ranges.type !== "bytes" || ranges.length !== 1) return undefined;
  return ranges[0];
}

async function findFile(pool: Pool, { tenantId, fileId }: LinkTarget): Promise<FileRow | undefined> {
  return inTenantTransaction(pool, { tenantId }, async (client) => {
    const { rows } = await client.query<FileRow>(
      `select file_name, storage_key, content_type, sha256 from lists.export_files where id = $1 and expires_at > now()`,
      [fileId],
    );
    return rows[0];
  });
}

async function countDownload(pool: Pool, { tenantId, fileId }: LinkTarget): Promise<void> {
  await inTenantTransaction(pool, { tenantId }, (client) =>
    client.query("update lists.export_files set download_count = download_count + 1 where id = $1", [fileId]),
  );
}

const again = "Ask for a new link by the export's file.";

function forged(): RowhouseError {
  return new RowhouseError("FORBIDDEN", `This link was not made by Rowhouse, or was changed. ${again}`);
}

function expired(at: Date): RowhouseError {
  return new RowhouseError("NOT_FOUND", `This link expired at ${at.toISOString()}. ${again}`);
}

function removed(): RowhouseError {
  return new RowhouseError(
    "NOT_FOUND",
    "The file of this export was removed, as its time is over. Start the export again.",
  );
}
