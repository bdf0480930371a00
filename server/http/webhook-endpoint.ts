import { Router, type Request, type Response } from "express";
import type { Pool } from "pg";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import { blotAddress } from "../../lib/incoming-webhooks/blot-address.ts";
import type { Verdict } from "../../lib/incoming-webhooks/judge-call.ts";
import type { SignedCall } from "../../lib/incoming-webhooks/signature-schemes.ts";
import type { Admission } from "../limits/admission.ts";
import { bodyTooLarge } from "../limits/body-limit.ts";
import { receiveWebhook } from "../webhooks/receive-webhook.ts";
import { findWebhookSource } from "../webhooks/webhook-source.ts";
import { refuseBody } from "./refuse-body.ts";
import { scopeOf } from "./request-scope.ts";
import { sendError } from "./send-error.ts";

/** What webhooks are received with. */
export interface WebhookEndpointOptions {
  readonly pool: Pool;
  readonly config: Config;
  readonly admission: Admission;
}

/** Sign in for the sender elsewhere; they are not ours to keep. */
const secretHeaders = ["authorization", "proxy-authorization", "cookie"];

/**
 * `POST /:source` takes a webhook: the address tells whose it is. An address that is not taken is answered like one that
 * never was; a signature that is not good is answered without the reason, which the tenant reads with the call.
 */
export function webhookEndpoint({ pool, config, admission }: WebhookEndpointOptions): Router {
  const router = Router();
  router.post("/:source", (req, res, next) => {
    const take = async (): Promise<void> => {
      const token = req.params.source;
      const source = await findWebhookSource(pool, config, token);
      if (source === undefined) throw new RowhouseError("NOT_FOUND", "There is nothing at this address.");
      await admission.webhook(source.id);
      const body = await readBody(req, config.hookBytesMax);
      admission.chargeWebhook(source.id, body.length);
      const call = callOf(req, token, body, config.publicUrl);
      answer(res, source.scheme, await receiveWebhook(pool, source, call, scopeOf(res).requestId));
    };
    take().catch((error: unknown) => {
      if (res.headersSent || res.destroyed) return res.destroy();
      if (error instanceof RowhouseError) return refuseBody(req, res, error);
      next(error);
    });
  });
  return router;
}

function answer(res: Response, scheme: string, verdict: Verdict): void {
  const isTaken = verdict === "valid" || verdict === "unsigned";
  if (!isTaken && verdict !== "duplicate")
    return sendError(res, new RowhouseError("UNAUTHENTICATED", "The signature of this call is not good."));
  // Twilio takes the answer for what is to be said or sent next: nothing.
  if (scheme === "twilio") return void res.status(200).type("text/xml").send("<Response/>");
  res.status(isTaken ? 202 : 200).json({ status: isTaken ? "accepted" : "duplicate" });
}

function callOf(req: Request, token: string, body: Buffer, publicUrl: string): SignedCall {
  const names = req.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const repeated = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  const kept = Object.entries(req.headers).filter(([name]) => !secretHeaders.includes(name));
  const headers = Object.fromEntries(
    // A proxy may repeat the address, which is a secret, in a header of its own.
    kept.map(([name, value]) => [name, blotAddress(String(value), token)]),
  );
  const origins = [publicUrl, ...["https", "http"].map((scheme) => `${scheme}://${req.headers.host}`)];
  const urls = [...new Set(origins.map((origin) => origin + req.originalUrl))].filter((url) => URL.canParse(url));
  return { headers, repeated, body, urls };
}

/** The bytes of a body, as they came. */
async function readBody(req: Request, limit: number): Promise<Buffer> {
  const tooLarge = () => {
    const { message, details } = bodyTooLarge(limit);
    return new RowhouseError("LIMIT_EXCEEDED", message, { details });
  };
  if (Number(req.headers["content-length"] ?? 0) > limit) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    req.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) {
        chunks.length = 0;
        req.removeAllListeners("data");
        return reject(tooLarge());
      }
      chunks.push(chunk);
    });
    req.once("end", () => resolve(Buffer.concat(chunks)));
    req.once("error", reject);
    req.once("close", () => reject(new Error("The sender closed the connection.")));
  });
}
