import type { Response } from "express";
import { createFlow } from "./flow.ts";

/** One response as a stream of server-sent events. */
export interface EventStream {
  /** Sends a result, with the id to resume after; resolves once the network has taken it, throws when nobody can take it. */
  next(result: object, id?: string): Promise<void>;
  /** Ends it for good, after a last result if there is one. */
  complete(last?: object): void;
  /** Ends it so that the client connects again. */
  interrupt(reason: string): void;
  /** Resolves once the client has taken what was sent. */
  whenIdle(): Promise<void>;
  readonly isOver: boolean;
}

/** When a client that was cut off may come again, in milliseconds. */
const retryMs = 1_000;
/** How long a client that does not read may take for its last event, in milliseconds. */
const farewellMs = 2_000;

/** Begins a stream, with a comment now and then that keeps proxies from closing it. */
export function openEventStream(res: Response, keepAliveMs: number): EventStream {
  const flow = createFlow();
  let isOver = false;
  const write = (text: string) => flow.track((sent) => void res.write(text, sent));

  res.status(200);
  res.setHeader("Content-Type", "text/event-stream; charset=utf-8");
  res.setHeader("Cache-Control", "no-store, no-transform");
  // What a proxy gathers before it hands it on would come late.
  res.setHeader("X-Accel-Buffering", "no");
  res.req.socket.setNoDelay(true);
  res.req.socket.setKeepAlive(true);
  void write(`retry: ${retryMs}\n\n`).catch(() => undefined);

  const comments = setInterval(() => {
    // Nothing is gathered for a client that does not read.
    if (flow.pending === 0) write(": keep-alive\n\n").catch(() => undefined);
  }, keepAliveMs).unref();
  const finish = (text: string) => {
    if (isOver) return;
    isOver = true;
    clearInterval(comments);
    const cutOff = setTimeout(() => res.destroy(), farewellMs);
    res.once("close", () => clearTimeout(cutOff));
    res.end(text);
  };
  res.once("close", () => {
    isOver = true;
    clearInterval(comments);
  });

  return {
    get isOver() {
      return isOver;
    },
    whenIdle: () => flow.whenIdle(),
    async next(result, id) {
      if (!isOver) await write(eventOf(result, id));
    },
    complete: (last) => finish(`${last ? eventOf(last) : ""}event: complete\ndata: \n\n`),
    interrupt: (reason) => finish(`: ${reason}\n\n`),
  };
}

/** JSON has no line breaks, and neither has an id. */
function eventOf(result: object, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: next\ndata: ${JSON.stringify(result)}\n\n`;
}
