import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { OutboundGuard } from "../../lib/outbound-guard.ts";

/** What a receiver answered, or why it did not. */
export type WebhookAnswer =
  | { readonly status: number; readonly body: string; readonly retryAfter: string | undefined }
  | { readonly code: string; readonly message: string };

/** Sends webhooks over connections that are kept. */
export interface WebhookSender {
  /** Posts a body of JSON. Never throws, and follows no redirect. */
  send(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<WebhookAnswer>;
  close(): void;
}

/** What is kept of an answer, in characters. */
const bodyMax = 2000;
/** What is read of an answer at most, in bytes; a connection with more to come is closed. */
const readMax = 65_536;

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: "The host has no address.",
  EAI_AGAIN: "The name service did not answer.",
  ECONNREFUSED: "The host refused the connection.",
  ECONNRESET: "The connection was cut.",
  EPIPE: "The connection was cut.",
  TIMEOUT: "The receiver did not answer in time.",
};

/** A sender whose connections go only where the guard lets them. */
export function createWebhookSender(guard: OutboundGuard, timeoutMs: number): WebhookSender {
  const options = {
    keepAlive: true,
    keepAliveMsecs: 15_000,
    maxFreeSockets: 64,
    timeout: 30_000,
    lookup: guard.lookup,
  };
  const agents = { "http:": new HttpAgent(options), "https:": new HttpsAgent(options) };

  async function attempt(url: URL, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal) {
    const isPlain = url.protocol === "http:";
    return new Promise<WebhookAnswer>((resolve, reject) => {
      const outgoing = (isPlain ? httpRequest : httpsRequest)(
        url,
        {
          method: "POST",
          agent: agents[isPlain ? "http:" : "https:"],
          signal,
          headers: { ...headers, "content-type": "application/json", "content-length": Buffer.byteLength(body) },
        },
        (response) => {
          readBody(response).then((text) => {
            const retryAfter = response.headers["retry-after"];
            resolve({ status: response.statusCode ?? 0, body: text, retryAfter });
          }, reject);
        },
      );
      outgoing.on("error", (error) => reject(signal.aborted ? Object.assign(error, { code: "TIMEOUT" }) : error));
      outgoing.end(body);
    });
  }

  return {
    async send(url, headers, body) {
      try {
        const checked = guard.check(url);
        // The whole exchange has one limit, so that a lease on the delivery outlives it.
        const signal = AbortSignal.timeout(timeoutMs);
        const answer = await attempt(checked, headers, body, signal).catch((error: { code?: string }) => {
          // A connection that was kept may have been closed by the other side just then: once more, over a new one.
          if (error.code !== "ECONNRESET" && error.code !== "EPIPE") throw error;
          return attempt(checked, { ...headers, connection: "close" }, body, signal);
        });
        return answer;
      } catch (error) {
        const { code = "NETWORK_ERROR", message } = error as { code?: string; message: string };
        const isOurs = code === "ADDRESS_REFUSED" || code === "VALIDATION_FAILED";
        // A message of the network names addresses, which are nobody's business.
        const text = isOurs ? message : (reasons[code] ?? "The receiver could not be reached.");
        return { code: isOurs ? "ADDRESS_REFUSED" : code, message: text };
      }
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** The beginning of an answer, as text that the database takes. */
async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop closes the connection.
    if (size > readMax) break;
  }
  const text = Buffer.concat(chunks)
    .subarray(0, bodyMax * 4)
    .toString("utf8");
  return [...text.replaceAll("\0", "\uFFFD")].slice(0, bodyMax).join("");
}
