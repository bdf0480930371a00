import { expect, test } from "@jest/globals";
import { createTestDatabase } from "../support/database.ts";
import { testSecret } from "../support/test-urls.ts";
import { deliverThroughKills } from "../support/webhook-kills.ts";

// The whole of it, 10,000 events and 20 kills, is a part of npm run bench.
const events = Number(process.env["WEBHOOK_EVENTS"] ?? 1_000);
const kills = Number(process.env["WEBHOOK_KILLS"] ?? 4);

test("every event is told in the order of its subject although worker and server are killed again and again", async () => {
  const database = await createTestDatabase();
  try {
    const plan = { database, secret: testSecret, events, subjects: 100, kills };
    const outcome = await deliverThroughKills(plan);
    console.log(JSON.stringify(outcome));
    expect(outcome).toMatchObject({ lost: 0, disordered: 0, kills: { worker: kills / 2, server: kills / 2 } });
    expect(outcome.events).toBeGreaterThanOrEqual(events);
    // What was on its way when a worker died, and no more: ten at a time.
    expect(outcome.duplicates).toBeLessThanOrEqual((kills / 2) * 10);
  } finally {
    await database.drop();
  }
}, 600_000);
