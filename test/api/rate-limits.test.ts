import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import WebSocket from "ws";
import {
  createSomebody,
  startTestServer,
  type GraphqlAnswer,
  type Somebody,
  type TestServer,
} from "../support/server.ts";
import { startMainProcess, type MainProcess } from "../support/server-process.ts";
import { openSocket } from "../support/socket.ts";
import { until } from "../support/until.ts";

const perPrincipal = 40;
const perAddress = 90;
const settings = {
  ROWHOUSE_REQUESTS_PER_MINUTE: String(perPrincipal),
  ROWHOUSE_ADDRESS_REQUESTS_PER_MINUTE: String(perAddress),
  ROWHOUSE_TRUSTED_PROXIES: "127.0.0.0/8",
};
let server: TestServer;
const processes: MainProcess[] = [];

beforeAll(async () => {
  server = await startTestServer(settings);
});
afterEach(async () => {
  for (const each of processes.splice(0)) await each.kill();
});
afterAll(() => server?.remove());

let addresses = 0;
/** An address that nobody else in this file has. */
const newAddress = () => `198.51.100.${++addresses}`;
const from = (address: string) => ({ "x-forwarded-for": address });
const me = "{ me { role } }";

const ask = (ann: Somebody, address: string): Promise<GraphqlAnswer> =>
  server.post(me, { token: ann.token(), headers: from(address) });

/** Asks one after the other until something is refused. */
async function untilRefused(act: () => Promise<GraphqlAnswer>, most: number): Promise<[number, GraphqlAnswer]> {
  for (let i = 0; i <= most; i++) {
    const answer = await act();
    if (answer.errors) return [i, answer];
  }
  throw new Error(`None of ${most} was refused.`);
}

describe("requests within a minute", () => {
  it("of one user are limited, whatever address and token they come with; the answer says when to come again", async () => {
    const ann = await createSomebody(server);
    // A minute may begin meanwhile, and lets in a few more.
    const [count, refused] = await untilRefused(() => ask(ann, newAddress()), perPrincipal * 2);
    expect(count).toBeGreaterThanOrEqual(perPrincipal);
    expect(refused.status).toBe(429);
    const { code, details } = refused.errors![0]!.extensions;
    expect(code).toBe("LIMIT_EXCEEDED");
    expect(details).toEqual({
      name: "requestsPerPrincipal",
      limit: perPrincipal,
      count: expect.any(Number),
      retryAfterSeconds: expect.any(Number),
    });
    expect(refused.headers.get("retry-after")).toBe(String(details.retryAfterSeconds));
    expect(details.retryAfterSeconds).toBeLessThanOrEqual(120);
    const other = await createSomebody(server);
    expect((await ask(other, newAddress())).errors).toBeUndefined();
  });

  it("of one address are limited, whoever sends them, also before anybody is known", async () => {
    const address = newAddress();
    const [count, refused] = await untilRefused(
      () => server.post("{ __typename }", { headers: from(address) }),
      perAddress * 2,
    );
    expect(count).toBeGreaterThanOrEqual(perAddress);
    expect(refused.errors![0]!.extensions["details"]).toMatchObject({ name: "requestsPerAddress", limit: perAddress });
    const guess = await server.post(me, { token: "rh_guess", headers: from(address) });
    expect(guess.status).toBe(429);
    for (const path of ["/imports/x", "/exports/x"])
      expect((await fetch(server.origin + path, { headers: from(address) })).status).toBe(429);
    expect((await server.post("{ __typename }", { headers: from(newAddress()) })).errors).toBeUndefined();
  });

  it("of one network of IPv6 count as one address", async () => {
    let host = 0;
    const [count] = await untilRefused(
      () => server.post("{ __typename }", { headers: from(`2001:db8:1:2:${(++host).toString(16)}::1`) }),
      perAddress * 2,
    );
    expect(count).toBeLessThan(perAddress * 2);
    expect((await server.post("{ __typename }", { headers: from("2001:db8:1:3::1") })).errors).toBeUndefined();
  });

  it("are counted over a socket as well, and its opening, too", async () => {
    const ann = await createSomebody(server);
    const socket = openSocket(server.socketUrl, { token: ann.token() });
    let refused: any;
    for (let i = 0; i < perPrincipal * 2 && refused === undefined; i++)
      await socket
        .subscribe(me)
        .next()
        .catch((errors: unknown) => (refused = errors));
    expect(refused[0].extensions).toMatchObject({
      code: "LIMIT_EXCEEDED",
      details: { name: "requestsPerPrincipal", limit: perPrincipal, retryAfterSeconds: expect.any(Number) },
    });
    await socket.client.dispose();
    const headers = from(newAddress());
    await untilRefused(() => server.post("{ __typename }", { headers }), perAddress * 2);
    const opened = new WebSocket(server.socketUrl, "graphql-transport-ws", { headers });
    const [error] = (await once(opened, "error")) as [Error];
    expect(error.message).toContain("429");
  });

  it("are counted by all server processes together", async () => {
    const ann = await createSomebody(server);
    const two = await Promise.all([1, 2].map(() => startMainProcess("server", server.database, settings)));
    processes.push(...two);
    const send = async (origin: string) => {
      const response = await fetch(`${origin}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${ann.token()}`, ...from(newAddress()) },
        body: JSON.stringify({ query: me }),
      });
      await response.text();
      return response.status;
    };
    // All at once: what processes may admit without hearing of each other is 5 % of the limit for each.
    const statuses = await Promise.all(Array.from({ length: perPrincipal * 2 }, (_, i) => send(two[i % 2]!.origin)));
    const admitted = statuses.filter((status) => status === 200).length;
    expect(admitted).toBeGreaterThanOrEqual(perPrincipal);
    // A minute that begins meanwhile lets in some more, but not twice as many.
    expect(admitted).toBeLessThan(perPrincipal * 1.5);
    await until("a third server has heard of it", async () => (await ask(ann, newAddress())).status === 429);
  });
});
