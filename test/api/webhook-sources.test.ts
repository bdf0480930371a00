import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { callHook, createSource, readEvents, sign, stripeBody, type Source } from "../support/webhooks.ts";

let server: TestServer;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  ann = await createSomebody(server, "admin");
});
afterAll(() => server?.remove());

describe("an address", () => {
  test("that is unknown, inactive, deleted, replaced or of a suspended tenant is answered alike", async () => {
    const [off, gone, moved] = [
      await createSource(server, ann),
      await createSource(server, ann),
      await createSource(server, ann),
    ];
    const change = (mutation: string) => server.post(`mutation { ${mutation} { __typename } }`, { token: ann.token() });
    for (const mutation of [
      `updateWebhookSource(input: { id: "${off.id}", patch: { isActive: false } })`,
      `deleteWebhookSource(input: { id: "${gone.id}" })`,
      `rotateWebhookSourceAddress(input: { webhookSourceId: "${moved.id}" })`,
    ])
      expect((await change(mutation)).errors).toBeUndefined();
    const carl = await createSomebody(server, "admin");
    const suspended = await createSource(server, carl);
    await server.database.admin.query("update iam.tenants set status = 'suspended' where id = $1", [carl.tenantId]);
    const urls = [off, gone, moved, suspended].map(({ url }) => url);
    const others = ["0".repeat(64), "f".repeat(64), "short", "%00", "..%2f..", "x".repeat(3000)];
    for (const url of [...urls, ...others.map((other) => `${server.origin}/hooks/${other}`)]) {
      const { status, text } = await callHook(url, "{}");
      expect({ url, status, ...JSON.parse(text), requestId: "" }).toEqual({
        ...{ url, status: 404, code: "NOT_FOUND", message: "There is nothing at this address.", requestId: "" },
      });
    }
    expect((await callHook(off.url, "", {}, "GET")).status).toBe(404);
  });

  test("is in no log, and in no answer of the API but the one that made it", async () => {
    const source = await createSource(server, ann, { signatureScheme: "STRIPE", secret: "whsec_never_logged" });
    await callHook(source.url, "{}");
    await callHook(source.url, "", {}, "GET");
    const token = new URL(source.url).pathname.split("/")[2]!;
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    const lines = JSON.stringify(server.logged);
    expect(lines).toContain("/hooks/…");
    expect(lines).not.toContain(token);
    expect(lines).not.toContain("whsec_never_logged");
    const type = await server.post('{ __type(name: "WebhookSource") { fields { name } } }', { token: ann.token() });
    expect(JSON.stringify(type.data)).not.toMatch(/pathToken|path_token/);
    expect(
      JSON.stringify(
        (
          await server.post("{ webhookSources { nodes { name hasSecret } } auditLogs { nodes { newValues } } }", {
            token: ann.token(),
          })
        ).data,
      ),
    ).not.toContain(token);
  });

  test("that a sender hangs up on keeps nothing, and is no error of the server", async () => {
    const source = await createSource(server, ann);
    const { hostname, port, pathname } = new URL(source.url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST ${pathname} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf of it`);
    const lines = () => server.logged.filter(({ path, aborted }) => path === "/hooks/…" && aborted === true);
    await sleep(200);
    socket.destroy();
    await until("the server has noticed", async () => lines().length > 0);
    expect(await readEvents(server, source)).toEqual([]);
    expect(server.logged.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    expect((await callHook(source.url, "{}")).status).toBe(202);
  });

  test("may be called so often, and with so many bytes, within a minute", async () => {
    const limited = await startTestServer(
      { ROWHOUSE_HOOK_CALLS_PER_MINUTE: "5", ROWHOUSE_HOOK_BYTES_PER_MINUTE: "10000" },
      server.database,
    );
    try {
      const there = ({ url }: Source) => limited.origin + new URL(url).pathname;
      const [often, much] = [await createSource(server, ann), await createSource(server, ann)];
      const statuses: number[] = [];
      for (let i = 0; i < 8; i++) statuses.push((await callHook(there(often), "{}")).status);
      expect(statuses).toEqual([202, 202, 202, 202, 202, 429, 429, 429]);
      expect(await readEvents(server, often)).toHaveLength(5);
      expect((await callHook(there(much), Buffer.alloc(11_000))).status).toBe(202);
      const refused = await callHook(there(much), "{}");
      expect(refused).toMatchObject({ status: 429, headers: { "retry-after": expect.any(String) } });
      expect(refused.text).not.toContain(new URL(much.url).pathname.slice(7));
    } finally {
      await limited.close();
    }
  });
});

describe("a secret", () => {
  const rotate = (source: Source, input: object, token = ann.token()) =>
    server.post(
      `mutation ($input: SetWebhookSourceSecretInput!) { setWebhookSourceSecret(input: $input) { secret webhookSource { hasSecret } } }`,
      { token, variables: { input: { webhookSourceId: source.id, ...input } } },
    );
  const answers = async (source: Source, secret: string) => {
    const body = stripeBody();
    return (await callHook(source.url, body, sign.standardWebhooks(secret, body))).status;
  };

  test("that is replaced counts as long as it was said to", async () => {
    const source = await createSource(server, ann, { signatureScheme: "STANDARD_WEBHOOKS" });
    const second = (await rotate(source, {})).data.setWebhookSourceSecret;
    expect(second).toEqual({ secret: expect.stringMatching(/^whsec_/), webhookSource: { hasSecret: true } });
    expect([await answers(source, source.secret), await answers(source, second.secret)]).toEqual([202, 202]);
    await server.database.admin.query(
      "update private.webhook_source_secrets set previous_expires_at = now() where webhook_source_id = $1",
      [source.rowId],
    );
    expect([await answers(source, source.secret), await answers(source, second.secret)]).toEqual([401, 202]);
    const third = (await rotate(source, { overlapMinutes: 0 })).data.setWebhookSourceSecret.secret;
    expect([await answers(source, second.secret), await answers(source, third)]).toEqual([401, 202]);
  });

  test("is sealed, and set by admins of the tenant only", async () => {
    const source = await createSource(server, ann, { signatureScheme: "STRIPE", secret: "whsec_plain_text" });
    const { rows } = await server.database.admin.query(
      "select sealed_secret from private.webhook_source_secrets where webhook_source_id = $1",
      [source.rowId],
    );
    expect(rows[0].sealed_secret.includes("whsec_plain_text")).toBe(false);
    const bob = await createSomebody(server, "admin");
    const code = async (input: object, token: string) =>
      (await rotate(source, input, token)).errors?.[0]?.extensions["code"];
    expect(await code({ secret: "another secret" }, ann.token("manager"))).toBe("FORBIDDEN");
    expect(await code({ secret: "another secret" }, bob.token())).toBe("NOT_FOUND");
    expect(await code({}, ann.token())).toBe("VALIDATION_FAILED");
    expect(await code({ secret: "short" }, ann.token())).toBe("VALIDATION_FAILED");
    expect(await code({ secret: "another secret", overlapMinutes: -1 }, ann.token())).toBe("VALIDATION_FAILED");
  });
});
