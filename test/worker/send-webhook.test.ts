import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createOutboundGuard } from "../../lib/outbound-guard.ts";
import { judgeAnswer } from "../../worker/webhooks/judge-answer.ts";
import { createWebhookSender, type WebhookSender } from "../../worker/webhooks/send-webhook.ts";

let server: Server;
let port: number;
let sender: WebhookSender | undefined;
/** The addresses of this machine that connections came to. */
let reached: (string | undefined)[];

beforeEach(async () => {
  reached = [];
  server = createServer((request, response) => request.resume().on("end", () => response.end("taken")));
  server.on("connection", (socket) => reached.push(socket.localAddress));
  await new Promise<void>((resolve) => void server.listen(0, "0.0.0.0", resolve));
  ({ port } = server.address() as AddressInfo);
});
afterEach(async () => {
  sender?.close();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});

/** A sender whose name service gives these answers, one after the other. */
function senderWith(answers: string[], allowed: string[] = []): { asked: () => number } {
  let asked = 0;
  const guard = createOutboundGuard(allowed, (_host, done) => {
    const address = answers[Math.min(asked++, answers.length - 1)]!;
    done(null, [{ address, family: address.includes(":") ? 6 : 4 }]);
  });
  sender = createWebhookSender(guard, 2_000);
  return { asked: () => asked };
}

describe("a webhook", () => {
  test("goes to no name that leads to this machine, whatever the name was when it was given", async () => {
    for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1"]) {
      senderWith([address]);
      const answer = await sender!.send(`https://rebound.example:${port}/`, {}, "{}");
      expect(answer).toMatchObject({ code: "ADDRESS_REFUSED" });
      expect(JSON.stringify(answer)).not.toContain(address);
    }
    expect(reached).toEqual([]);
  });

  test("goes to the very address that was checked, which is not asked for a second time", async () => {
    const { asked } = senderWith(["127.0.0.3", "127.0.0.4"], ["pinned.test"]);
    for (let i = 0; i < 3; i++) {
      expect(await sender!.send(`http://pinned.test:${port}/`, {}, "{}")).toMatchObject({ status: 200, body: "taken" });
    }
    expect(reached).toEqual(["127.0.0.3"]);
    expect(asked()).toBe(1);
  });

  test("goes over a new connection when the one that was kept has been closed", async () => {
    senderWith(["127.0.0.1"], ["pinned.test"]);
    await sender!.send(`http://pinned.test:${port}/`, {}, "{}");
    server.closeAllConnections();
    expect(await sender!.send(`http://pinned.test:${port}/`, {}, "{}")).toMatchObject({ status: 200 });
  });

  test("says no more of a network error than a tenant may know", async () => {
    senderWith(["127.0.0.1"], ["pinned.test"]);
    const answer = await sender!.send("http://pinned.test:1/", {}, "{}");
    expect(answer).toEqual({ code: "ECONNREFUSED", message: "The host refused the connection." });
  });
});

describe("an answer", () => {
  const pauses = [10, 100];
  const judge = (status: number, attempt = 1, retryAfter?: string) =>
    judgeAnswer({ status, body: "", retryAfter }, attempt, pauses, () => 0.5);

  test.each([
    [200, "delivered"],
    [204, "delivered"],
    [299, "delivered"],
    [301, "failed"],
    [400, "failed"],
    [404, "failed"],
    [410, "gone"],
    [429, "failed"],
    [500, "failed"],
  ])("of %d means that it is %s", (status, outcome) => {
    expect(judge(status).outcome).toBe(outcome);
  });

  test("that fails is followed by pauses that grow and vary by a fifth, and then by the end", () => {
    expect(judge(500, 1).retry_seconds).toBe(10);
    expect(judge(500, 2).retry_seconds).toBe(100);
    expect(judge(500, 3)).toMatchObject({ outcome: "dead", error_code: "HTTP_500" });
    const answer = { status: 500, body: "", retryAfter: undefined };
    expect(judgeAnswer(answer, 1, pauses, () => 0).retry_seconds).toBe(8);
    expect(judgeAnswer(answer, 1, pauses, () => 0.999).retry_seconds).toBeCloseTo(12, 1);
  });

  test("may ask for a longer pause, of a day at most, and not for a shorter one", () => {
    expect(judge(429, 1, "60").retry_seconds).toBe(60);
    expect(judge(429, 1, "1").retry_seconds).toBe(10);
    expect(judge(429, 1, "99999999999").retry_seconds).toBe(86_400);
    expect(judge(503, 1, new Date(Date.now() + 50_000).toUTCString()).retry_seconds).toBeGreaterThan(40);
    expect(judge(503, 1, "soon").retry_seconds).toBe(10);
  });

  test("that is none is tried again, too", () => {
    expect(judgeAnswer({ code: "ENOTFOUND", message: "?" }, 1, pauses)).toMatchObject({
      outcome: "failed",
      error_code: "ENOTFOUND",
    });
  });
});
