import { createHmac, randomUUID } from "node:crypto";
import { request } from "node:http";
import type { Somebody, TestServer } from "./server.ts";

/** A source of webhooks, as its maker sees it once. */
export interface Source {
  readonly id: string;
  readonly rowId: string;
  readonly url: string;
  readonly secret: string;
}

const createSql = `mutation ($input: CreateWebhookSourceInput!) {
  createWebhookSource(input: $input) { url secret webhookSource { id rowId hasSecret } } }`;

/** Makes a source by the API. Its address leads to the test's server, whatever the public one is. */
export async function createSource(
  server: TestServer,
  maker: Somebody,
  input: Readonly<Record<string, unknown>> = {},
): Promise<Source> {
  const variables = { input: { name: randomUUID(), provider: "acme", ...input } };
  const { data, errors } = await server.post(createSql, { token: maker.token("admin"), variables });
  if (errors) throw new Error(JSON.stringify(errors));
  const { url, secret, webhookSource } = data.createWebhookSource;
  const { id, rowId } = webhookSource;
  return { id, rowId, url: server.origin + new URL(url).pathname, secret: secret ?? input["secret"] };
}

/** What came back for a call. */
export interface Reply {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

/** Calls an address as a service does; a list of values is a header that comes several times. */
export function callHook(
  url: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string | string[]>> = {},
  method = "POST",
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, text }));
    });
    for (const [name, value] of Object.entries({ "content-type": "application/json", ...headers }))
      sent.setHeader(name, value as string | string[]);
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Seconds since 1970. */
export const unixNow = () => Math.floor(Date.now() / 1000);

/** The headers that each service sends, as it documents them. */
export const sign = {
  stripe: (secret: string, body: string | Buffer, time = unixNow()) => ({
    "stripe-signature": `t=${time},v1=${createHmac("sha256", secret).update(`${time}.`).update(body).digest("hex")}`,
  }),
  github: (secret: string, body: string | Buffer, delivery: string = randomUUID()) => ({
    "x-github-event": "issues",
    "x-github-delivery": delivery,
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  }),
  standardWebhooks: (secret: string, body: string | Buffer, id = `msg_${randomUUID()}`, time = unixNow()) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const signature = createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest("base64");
    return { "webhook-id": id, "webhook-timestamp": String(time), "webhook-signature": `v1,${signature}` };
  },
  twilio: (token: string, url: string, fields: Readonly<Record<string, string>>) => {
    const text = Object.keys(fields)
      .sort()
      .reduce((all, name) => all + name + fields[name], url);
    return {
      "content-type": "application/x-www-form-urlencoded; charset=utf-8",
      "x-twilio-signature": createHmac("sha1", token).update(text).digest("base64"),
    };
  },
  hmac: (algorithm: "sha1" | "sha256", secret: string, body: string | Buffer) => ({
    "x-signature": createHmac(algorithm, secret).update(body).digest("hex"),
  }),
};

/** A call as it is stored. */
export interface StoredCall {
  verdict: string;
  event_type: string;
  provider_event_id: string | null;
  payload: unknown;
  raw_body: Buffer;
  body_byte_count: string;
  headers: Record<string, string>;
  is_signature_valid: boolean | null;
}

/** The calls of a source, in order. */
export async function readEvents(server: TestServer, source: Source): Promise<StoredCall[]> {
  const sql = "select * from pipeline.webhook_events where webhook_source_id = $1 order by id";
  return (await server.database.admin.query<StoredCall>(sql, [source.rowId])).rows;
}

/** A body as Stripe sends it. */
export const stripeBody = (id: string = `evt_${randomUUID()}`) =>
  JSON.stringify({ id, type: "charge.refunded", data: {} });
