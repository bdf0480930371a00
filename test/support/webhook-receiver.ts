import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "./graphql-api.ts";
import { until } from "./until.ts";

/** A webhook as a receiver got it. */
export interface ReceivedWebhook {
  readonly path: string;
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  /** To the letter, as it was signed. */
  readonly text: string;
  readonly body: Json;
  readonly at: number;
}

/** What a receiver answers. */
export interface ReceiverAnswer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly afterMs?: number;
}

/** A receiver of webhooks of the test. */
export interface WebhookReceiver {
  readonly port: number;
  readonly url: string;
  readonly received: ReceivedWebhook[];
  /** What it answers from now on; 204 to everything unless told. */
  answer: (webhook: ReceivedWebhook) => ReceiverAnswer;
  /** Those to a path, once there are so many. */
  take(path: string, count: number): Promise<ReceivedWebhook[]>;
  close(): Promise<void>;
}

/** Starts a receiver on this machine. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const webhook: ReceivedWebhook = {
        path: request.url ?? "",
        id: String(request.headers["webhook-id"]),
        headers: request.headers,
        text,
        body: text.startsWith("{") ? JSON.parse(text) : {},
        at: Date.now(),
      };
      received.push(webhook);
      const { status, headers = {}, body = "", afterMs = 0 } = receiver.answer(webhook);
      void sleep(afterMs).then(() => response.writeHead(status, headers).end(body));
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const receiver: WebhookReceiver = {
    port,
    url: `http://127.0.0.1:${port}`,
    received,
    answer: () => ({ status: 204 }),
    take: (path, count) =>
      until(`${count} webhooks to ${path} have come`, async () => {
        const mine = received.filter((each) => each.path === path);
        return mine.length >= count && mine;
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}
