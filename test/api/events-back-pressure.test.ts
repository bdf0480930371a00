import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import WebSocket from "ws";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  ann = await createSomebody(server);
});
afterAll(() => server.remove());

const query = 'subscription($after: Cursor) { events(after: $after, types: ["bulk.*"]) { cursor keys } }';

interface Message {
  readonly type: string;
  readonly payload?: any;
}

/** A client that reads as much as the test lets it. */
async function subscribe(
  after: string,
): Promise<{ socket: WebSocket; messages: Message[]; reads(yes: boolean): void }> {
  const socket = new WebSocket(server.socketUrl, "graphql-transport-ws");
  const messages: Message[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data)) as Message));
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "connection_init", payload: { token: ann.token() } }));
  await until("the socket is acknowledged", async () => messages.some(({ type }) => type === "connection_ack"));
  socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query, variables: { after } } }));
  const network = (socket as unknown as { _socket: { pause(): void; resume(): void } })._socket;
  return { socket, messages, reads: (yes) => (yes ? network.resume() : network.pause()) };
}
const metric = async (name: string) => {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:{[^}]*})? (.+)$`, "m").exec(text)?.[1]);
};
const cursorsIn = (messages: Message[]) =>
  messages.flatMap(({ type, payload }) => (type === "next" && payload.data.events ? [payload.data.events.cursor] : []));
/** Events about a thousand rows each: forty kilobytes on the network. */
const write = (count: number) =>
  inTenant(
    server,
    ann.tenantId,
    `insert into events.events (type, subject_type, keys, row_count)
     select 'bulk.updated', 'contacts', array(select uuidv7() from generate_series(1, 1000)), 1000 from generate_series(1, $1)`,
    [count],
  );

it("a subscriber who does not read is ended with the cursor to go on from; the others are not held up, and it misses nothing", async () => {
  const head = (await server.post("{ feedHead }", { token: ann.token() })).data.feedHead as string;
  const [slow, quick] = [await subscribe(head), await subscribe(head)];
  await write(1);
  for (const { messages } of [slow, quick]) {
    await until("it follows", async () => cursorsIn(messages).length === 1);
  }
  slow.reads(false);
  for (let round = 0; round < 5; round++) await write(300);
  await until("the slow one is dropped", async () => (await metric("rowhouse_feed_subscribers_dropped_total")) === 1);
  await until("the quick one has all", async () => cursorsIn(quick.messages).length === 1501);

  slow.reads(true);
  await until("it is told its end", async () => slow.messages.at(-1)?.type === "complete");
  const had = cursorsIn(slow.messages);
  expect(had.length).toBeLessThan(1501);
  const { data, errors } = slow.messages.at(-2)!.payload;
  expect(data).toEqual({ events: null });
  expect(errors[0].extensions).toMatchObject({
    code: "LIMIT_EXCEEDED",
    details: { name: "unreadEvents", limit: 1000, cursor: had.at(-1) },
  });

  const again = await subscribe(errors[0].extensions.details.cursor);
  await until("it has the rest", async () => had.length + cursorsIn(again.messages).length === 1501);
  expect([...had, ...cursorsIn(again.messages)]).toEqual(cursorsIn(quick.messages));
  for (const { socket } of [slow, quick, again]) socket.terminate();
  await until("nothing is left of them", async () => (await metric("rowhouse_feed_subscribers")) === 0);
});
