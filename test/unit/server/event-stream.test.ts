import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "@jest/globals";
import type { Response } from "express";
import { openEventStream, type EventStream } from "../../../server/subscriptions/event-stream.ts";
import { openStream } from "../../support/event-stream.ts";
import { until } from "../../support/until.ts";

let server: Server;
afterEach(() => void server.close());

/** A server that answers with a stream, and its client. */
async function serve(use: (stream: EventStream) => void, keepAliveMs = 60_000) {
  server = createServer((_req, res: ServerResponse) => {
    const status = (code: number) => void (res.statusCode = code);
    use(openEventStream(Object.assign(res, { status }) as unknown as Response, keepAliveMs));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return openStream(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, undefined, {});
}

it("a stream without events has comments now and then, so that nothing on the way takes it for dead", async () => {
  const opened = await serve(() => undefined, 20);
  const reading = opened.rest().catch(() => undefined);
  await until("three comments are there", async () => opened.comments.length >= 3);
  expect(opened.comments[0]).toBe("keep-alive");
  opened.close();
  await reading;
});

it("a stream that is interrupted ends without completing, and says why in a comment", async () => {
  const opened = await serve((stream) => {
    void stream.next({ data: { a: "é\n" } }, "at_1").then(() => stream.interrupt("The server is shutting down."));
  });
  expect(await opened.rest()).toEqual([{ event: "next", id: "at_1", data: { data: { a: "é\n" } } }]);
  expect(opened.comments).toEqual(["The server is shutting down."]);
});

it("a stream that was completed takes nothing more", async () => {
  const opened = await serve((stream) => {
    stream.complete({ errors: [] });
    stream.complete({ errors: ["again"] });
    stream.interrupt("later");
    void stream.next({ data: {} });
  });
  expect(await opened.rest()).toEqual([{ event: "next", data: { errors: [] } }, { event: "complete" }]);
});
