import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";
import { median } from "./measure.ts";

/** What the process of subscribers is asked. */
export type Order =
  | { readonly type: "open"; readonly url: string; readonly each: number; readonly tenants: readonly TenantOrder[] }
  | { readonly type: "reset" }
  | { readonly type: "report" };

/** The token that a tenant's subscribers log in with, and where in its feed they begin. */
interface TenantOrder {
  readonly token: string;
  readonly after: string;
}

/** What the process of subscribers answers. */
export interface Report {
  readonly latencyMs: { readonly median: number; readonly p99: number };
  /** Events since the last reset. */
  readonly events: number;
  /** For each subscriber, tenant after tenant: how many events it has had since it was opened, and the last cursor. */
  readonly counts: readonly number[];
  readonly cursors: readonly string[];
  /** Events that did not come after the one before them. */
  readonly disorders: number;
  readonly reconnections: number;
}

/** What comes for a subscription. */
interface Answer {
  readonly data?: { readonly events: { readonly cursor: string; readonly createdAt: string } };
  readonly errors?: unknown;
}

const query =
  "subscription Bench($after: Cursor) { events(after: $after) { cursor type subjectId createdAt payload } }";
const subscribers: Subscriber[] = [];
let latencies: number[] = [];
let reconnections = 0;

/** A subscriber that opens its socket again whenever it is lost, and goes on where it was. */
class Subscriber {
  count = 0;
  disorders = 0;
  cursor: string;
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, { token, after }: TenantOrder) {
    this.#url = url;
    this.#token = token;
    this.cursor = after;
  }

  /** Resolves when it has subscribed for the first time. */
  open(): Promise<void> {
    return new Promise((resolve) => {
      const socket = new WebSocket(this.#url, "graphql-transport-ws", { perMessageDeflate: false });
      socket.on("open", () =>
        socket.send(`{"type":"connection_init","payload":{"token":${JSON.stringify(this.#token)}}}`),
      );
      socket.on("message", (data: Buffer) => {
        const message = JSON.parse(data.toString("utf8")) as { type: string; payload?: Answer };
        if (message.type === "next") return this.#take(message.payload!);
        if (message.type === "ping") return socket.send('{"type":"pong"}');
        if (message.type !== "connection_ack") return console.error(data.toString("utf8"));
        const payload = { query, variables: { after: this.cursor } };
        socket.send(JSON.stringify({ id: "1", type: "subscribe", payload }), () => resolve());
      });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        reconnections++;
        // As clients do, not all at the same time.
        setTimeout(() => void this.open(), 200 + Math.random() * 2_000);
      });
    });
  }

  #take({ data, errors }: Answer): void {
    if (!data) return console.error(JSON.stringify(errors));
    const { cursor, createdAt } = data.events;
    latencies.push(Date.now() - Date.parse(createdAt));
    this.count++;
    if (positionOf(cursor) <= positionOf(this.cursor)) this.disorders++;
    this.cursor = cursor;
  }
}

const positionOf = (cursor: string) => Number(`0x${cursor.slice(3, -6)}`);

async function open({ url, each, tenants }: Order & { type: "open" }): Promise<void> {
  const all = tenants.flatMap((tenant) => Array.from({ length: each }, () => new Subscriber(url, tenant)));
  subscribers.push(...all);
  for (let from = 0; from < all.length; from += 50) {
    await Promise.all(all.slice(from, from + 50).map((subscriber) => subscriber.open()));
  }
}

function report(): Report {
  const sorted = [...latencies].sort((a, b) => a - b);
  return {
    latencyMs: { median: median(sorted), p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN },
    events: latencies.length,
    counts: subscribers.map(({ count }) => count),
    cursors: subscribers.map(({ cursor }) => cursor),
    disorders: subscribers.reduce((sum, { disorders }) => sum + disorders, 0),
    reconnections,
  };
}

process.on("message", (order: Order) => {
  void (async () => {
    if (order.type === "open") await open(order);
    else if (order.type === "reset") latencies = [];
    await sleep(0);
    process.send!(order.type === "report" ? report() : {});
  })();
});
process.on("disconnect", () => process.exit(0));
