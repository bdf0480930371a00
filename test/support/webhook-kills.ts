import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { loadConfig } from "../../lib/config.ts";
import { encodeTypeId, parseTypeId } from "../../lib/type-id.ts";
import { createAccessTokens } from "../../server/auth/access-tokens.ts";
import type { TestDatabase } from "./database.ts";
import { startMainProcess, type MainProcess } from "./server-process.ts";
import { until } from "./until.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

/** How much is delivered, and how often something is killed meanwhile. */
export interface KillPlan {
  readonly database: Pick<TestDatabase, "serverUrl" | "workerUrl"> & { readonly admin: Pick<pg.Pool, "query"> };
  readonly secret: string;
  readonly events: number;
  readonly subjects: number;
  /** Half of them of the worker, half of the server, in random order. */
  readonly kills: number;
}

/** What came of it. */
export interface KillOutcome {
  readonly events: number;
  readonly seconds: number;
  readonly kills: { readonly worker: number; readonly server: number };
  /** Webhooks that came a second time. */
  readonly duplicates: number;
  /** Events that never came. */
  readonly lost: number;
  /** Webhooks that came after a later event of the same subject. */
  readonly disordered: number;
}

const aliases = Array.from({ length: 20 }, (_, i) => i);
const renameDocument = `mutation(${aliases.map((i) => `$i${i}: UpdateContactInput!`).join(", ")}) {
  ${aliases.map((i) => `m${i}: updateContact(input: $i${i}) { __typename }`).join("\n")} }`;

/**
 * Changes contacts through a server, has each change told by a worker to a receiver, and kills both processes with
 * SIGKILL while webhooks are on their way, starting them again at once.
 */
export async function deliverThroughKills(plan: KillPlan): Promise<KillOutcome> {
  const { database, secret, events, subjects, kills } = plan;
  const { admin } = database;
  const settings = {
    ROWHOUSE_SECRET: secret,
    ROWHOUSE_LOG_LEVEL: "fatal",
    ROWHOUSE_WEBHOOK_ALLOWED_TARGETS: "127.0.0.1",
    ROWHOUSE_WEBHOOK_TIMEOUT_MS: "1000",
    ROWHOUSE_TENANT_OPERATIONS_MAX: "0",
  };
  const made = await admin.query("select private.create_tenant('kills', 'kills') as id");
  const tenantId: string = made.rows[0].id;
  const actor = await admin.query("select id from iam.actors where tenant_id = $1", [tenantId]);
  const contacts = await admin.query(
    `insert into crm.contacts (tenant_id, first_name) select $1, 'n' from generate_series(1, $2) returning id`,
    [tenantId, subjects],
  );
  const ids = contacts.rows.map(({ id }) => encodeTypeId("contact", id));

  const tokens = createAccessTokens(loadConfig({ ROWHOUSE_SECRET: secret, NODE_ENV: "test" }));
  const signed = () =>
    tokens.sign({ tenantId, role: "admin", actorId: actor.rows[0].id, userId: actor.rows[0].id }).token;
  const processes: Record<"server" | "worker", MainProcess> = {
    server: await startMainProcess("server", database as TestDatabase, settings),
    worker: await startMainProcess("worker", database as TestDatabase, settings),
  };
  const receiver = await startWebhookReceiver();
  const ask = async (query: string, variables: object) => {
    const response = await fetch(`${processes.server.origin}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${signed()}` },
      body: JSON.stringify({ query, variables }),
    });
    const { errors } = (await response.json()) as { errors?: unknown };
    if (errors) throw new Error(JSON.stringify(errors));
  };

  let written = 0;
  let serial = 0;
  /** Changes contacts until enough is in the feed; a server that was killed is asked again when it is back. */
  const write = async () => {
    while (written < events) {
      const input = () => ({ id: ids[randomInt(ids.length)], patch: { firstName: `n ${++serial}` } });
      const some = Object.fromEntries(aliases.map((i) => [`i${i}`, input()]));
      await ask(renameDocument, some).then(
        () => (written += aliases.length),
        () => sleep(50),
      );
    }
  };
  const killed = { worker: 0, server: 0 };
  const kill = async () => {
    const victims = Array.from({ length: kills }, (_, i) => (i % 2 === 0 ? "worker" : "server") as "worker" | "server");
    victims.sort(() => randomInt(3) - 1);
    for (const [i, name] of victims.entries()) {
      const after = ((i + randomInt(100) / 100) / (kills + 1)) * events;
      await until("so many have come", async () => receiver.received.length >= after, 120_000);
      await processes[name].kill();
      killed[name]++;
      processes[name] = await startMainProcess(name, database as TestDatabase, settings);
    }
  };

  try {
    await ask(
      `mutation($input: CreateWebhookSubscriptionInput!) { createWebhookSubscription(input: $input) { secret } }`,
      { input: { name: "Kills", url: receiver.url, types: ["contact.updated"] } },
    );
    const began = performance.now();
    await Promise.all([write(), write(), write(), kill()]);
    const feed = `select e.id, e.position, e.subject_id from events.events e
      where e.tenant_id = $1 and e.type = 'contact.updated' order by e.position`;
    const { rows } = await admin.query(feed, [tenantId]);
    const seen = () => new Set(receiver.received.map(({ id }) => id)).size;
    // Every one has come, or none has for so long that no lease and no pause can be the reason.
    let [last, since] = [0, Date.now()];
    await until(
      "all is told",
      async () => {
        if (seen() > last) [last, since] = [seen(), Date.now()];
        return last >= rows.length || Date.now() - since > 30_000;
      },
      600_000,
    );
    const seconds = (performance.now() - began) / 1000;
    const places = new Map<string, number>(rows.map((row, i) => [row.id, i]));
    const latest = new Map<string, number>();
    let disordered = 0;
    for (const { id, body } of receiver.received) {
      const place = places.get(parseTypeId(id)!.uuid)!;
      const before = latest.get(body.data.subjectId) ?? -1;
      if (place < before) disordered++;
      latest.set(body.data.subjectId, Math.max(place, before));
    }
    return {
      events: rows.length,
      seconds,
      kills: killed,
      duplicates: receiver.received.length - seen(),
      lost: rows.length - seen(),
      disordered,
    };
  } finally {
    await Promise.all(Object.values(processes).map((each) => each.kill()));
    await receiver.close();
  }
}
