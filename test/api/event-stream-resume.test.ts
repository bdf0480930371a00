import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startCuttingProxy, type CuttingProxy } from "../support/cutting-proxy.ts";
import { openStream, type OpenedStream } from "../support/event-stream.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let proxy: CuttingProxy;
let ann: Somebody;
const streams: OpenedStream[] = [];

beforeAll(async () => {
  server = await startTestServer();
  proxy = await startCuttingProxy(portOf(server));
});
beforeEach(async () => void (ann = await createSomebody(server)));
afterEach(() => streams.splice(0).forEach((each) => each.close()));
afterAll(async () => {
  await proxy?.close();
  await server?.remove();
});

const portOf = ({ origin }: TestServer) => Number(new URL(origin).port);
const query = 'subscription($after: Cursor) { events(after: $after, types: ["contact.*"]) { cursor type } }';
const head = async () => (await server.post("{ feedHead }", { token: ann.token() })).data.feedHead as string;
const addContact = (name: string) =>
  inTenant(server, ann.tenantId, "insert into crm.contacts (first_name) values ($1)", [name]);

async function follow(after: string, lastEventId?: string, port = portOf(server)): Promise<OpenedStream> {
  const headers = lastEventId === undefined ? undefined : { "last-event-id": lastEventId };
  const body = { query, variables: { after } };
  const stream = await openStream(`http://127.0.0.1:${port}/graphql`, ann.token(), body, headers);
  streams.push(stream);
  return stream;
}

describe("the id of an event", () => {
  it("is its cursor, and what comes after it comes when it is sent back, whatever the argument says", async () => {
    const after = await head();
    for (const name of ["one", "two", "three"]) await addContact(name);
    const first = await follow(after);
    const seen = [await first.next(), await first.next(), await first.next()];
    for (const { id, data } of seen) expect(id).toBe(data.data.events.cursor);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(3);
    const again = await follow(after, seen[0]!.id);
    expect([await again.next(), await again.next()]).toEqual(seen.slice(1));
  });

  it("that is no cursor is refused", async () => {
    const [refused, end] = await (await follow(await head(), "nonsense")).rest();
    expect(refused!.data.errors[0]).toMatchObject({ extensions: { code: "VALIDATION_FAILED", field: "after" } });
    expect(end).toEqual({ event: "complete" });
  });
});

it("a client whose connections are cut, and whose server restarts, gets every event once, in order", async () => {
  const start = await head();
  const cursors: string[] = [];
  let opened = 0;
  let isDone = false;
  const reading = (async () => {
    while (!isDone) {
      try {
        const stream = await follow(start, cursors.at(-1), proxy.port);
        opened++;
        for (;;) cursors.push((await stream.next()).id!);
      } catch {
        // The connection was cut, refused, or ended by a server that shuts down: come again.
        await sleep(20);
      }
    }
  })();
  for (let n = 0; n < 200; n++) {
    await addContact(`Contact ${n}`);
    if (n % 20 === 10) proxy.cut(1);
    if (n % 80 === 60) {
      proxy.target = undefined;
      await server.close();
      server = await startTestServer({}, server.database);
      proxy.target = portOf(server);
    }
  }
  const wanted = await server.database.admin.query<{ cursor: string }>(
    "select events.cursor_of(position) as cursor from events.events where tenant_id = $1 and type like 'contact.%' order by position",
    [ann.tenantId],
  );
  expect(wanted.rows).toHaveLength(200);
  await until("the last event is there", async () => cursors.at(-1) === wanted.rows.at(-1)!.cursor);
  isDone = true;
  streams.forEach((each) => each.close());
  await reading;
  expect(cursors).toEqual(wanted.rows.map(({ cursor }) => cursor));
  expect(opened).toBeGreaterThan(8);
});

it("a client that does not read is told so with the cursor of the last event that it has, and goes on from there", async () => {
  const after = await head();
  const wide = Array.from({ length: 12 }, (_, n) => `k${n}: keys`).join(" ");
  const body = JSON.stringify({
    query: `subscription($after: Cursor) { events(after: $after) { cursor ${wide} } }`,
    variables: { after },
  });
  const socket = connect(portOf(server), "127.0.0.1");
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n` +
      `Authorization: Bearer ${ann.token()}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await until("the stream is open", async () => text.includes("retry:"));
  socket.pause();
  // Ever so many events, some of them larger than what the network takes for somebody who does not read.
  await inTenant(
    server,
    ann.tenantId,
    "insert into crm.contact_tags (name) select 'Tag ' || n from generate_series(1, 1000) n",
  );
  await inTenant(
    server,
    ann.tenantId,
    "do $$ begin for i in 1..30 loop update crm.contact_tags set name = 'T' || i || name where tenant_id = app.tenant_id(); end loop; end $$",
  );
  await inTenant(
    server,
    ann.tenantId,
    "do $$ begin for i in 1..1500 loop insert into crm.contacts (first_name) values ('x'); end loop; end $$",
  );
  await until("it is dropped", async () => {
    const metrics = await (await fetch(`${server.origin}/metrics`)).text();
    return /^rowhouse_feed_\w*dropped\w*\{.*\} 1$/m.test(metrics);
  });
  socket.resume();
  await until("the stream has ended", async () => text.includes("event: complete"));
  socket.destroy();
  const ids = [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id!);
  expect(ids.length).toBeLessThan(100);
  const [, last] = /^event: next\r?\ndata: (\{"data":\{"events":null\}.*|\{"errors".*)$/m.exec(text)!;
  const { code, details } = JSON.parse(last!).errors[0].extensions;
  expect(code).toBe("LIMIT_EXCEEDED");
  expect(details.cursor).toBe(ids.at(-1));
  const again = await follow(after, details.cursor);
  for (let n = 0; n < 1500; n++) await again.next();
});
