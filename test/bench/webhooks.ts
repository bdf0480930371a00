import pg from "pg";
import { databaseUrls, withDatabase } from "../../lib/database-urls.ts";
import { loadConfig } from "../../lib/config.ts";
import { ensureDatabase, migrate } from "../../lib/migrate.ts";
import { deliverThroughKills } from "../support/webhook-kills.ts";
import { count, type Figure } from "./measure.ts";
import type { BenchStack } from "./stack.ts";

/** Outgoing webhooks while the worker and the server are killed 20 times: how many a second, and what is lost, doubled or out of order. */
export async function benchWebhooks(stack: BenchStack, events = 10_000): Promise<Figure[]> {
  // Processes of their own, on a database of their own: those of the stack are not to be killed.
  const config = loadConfig({ ...process.env, ROWHOUSE_SECRET: stack.secret });
  const urls = databaseUrls(withDatabase(stack.adminUrl, "webhooks"), config);
  await ensureDatabase(urls.admin);
  await migrate(urls.admin);
  const admin = new pg.Pool({ connectionString: urls.admin, max: 2 });
  try {
    const database = { admin, serverUrl: urls.server, workerUrl: urls.worker };
    const outcome = await deliverThroughKills({ database, secret: stack.secret, events, subjects: 500, kills: 20 });
    const { lost, disordered, duplicates, seconds, kills } = outcome;
    const share = (outcome.events - lost) / outcome.events;
    return [
      {
        what: `${count(outcome.events)} webhooks while the worker was killed ${kills.worker} and the server ${kills.server} times (kill -9)`,
        measured: `${lost} lost, ${disordered} out of the order of their subject, ${duplicates} twice; ${count(outcome.events / seconds)} a second, writing, killing and starting included`,
        comparedWith: "the events of the feed",
        ratio: share.toFixed(2),
        goal: "every event, in order per subject",
        isMet: lost === 0 && disordered === 0,
      },
    ];
  } finally {
    await admin.end();
  }
}
