import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { createMetrics } from "../../lib/metrics.ts";
import { startWorker } from "../../worker/app.ts";
import { defineConsumer, type Consumer } from "../../worker/feed/define-consumer.ts";
import type { TestDatabase } from "./database.ts";
import { testConfig } from "./jobs.ts";

/** Makes the table in which the consumer below writes what it took, and of which it learns whom to serve. */
export async function createTakenTable({ admin }: TestDatabase): Promise<void> {
  await admin.query(`
    create table public.taken (number bigint generated always as identity, tenant_id uuid, event_id uuid, type text, subject_id uuid);
    create table public.served (tenant_id uuid primary key, since timestamptz);
    grant usage on schema public to rowhouse_system, rowhouse_worker;
    grant insert on public.taken to rowhouse_system;
    grant select on public.served to rowhouse_worker`);
}

/** A consumer that writes down what it takes, slowly when told. */
export function takeDown(name: string, pauseMs = 0, fails?: (type: string) => boolean): Consumer {
  return defineConsumer({
    name,
    batchSize: 20,
    async wants(client) {
      const { rows } = await client.query("select tenant_id, since from public.served");
      return rows.map((row) => ({ tenantId: row.tenant_id, since: row.since ?? undefined }));
    },
    async take(client, tenantId, events) {
      for (const event of events) {
        const values = [tenantId, event.id, event.type, event.subject_id];
        await client.query(
          "insert into public.taken (tenant_id, event_id, type, subject_id) values ($1, $2, $3, $4)",
          values,
        );
        if (pauseMs) await sleep(pauseMs);
        if (fails?.(event.type)) throw new Error("It cannot be taken.");
      }
    },
  });
}

/** Starts a process with a worker that only has the slow consumer, and waits until it runs. */
export async function startFeedWorkerProcess(databaseUrl: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(import.meta.url), [databaseUrl], {
    env: { PATH: process.env.PATH, NODE_ENV: "test" },
    execArgv: [],
  });
  await once(child, "message");
  return child;
}

const [script, databaseUrl] = process.argv.slice(1);
if (script === fileURLToPath(import.meta.url) && databaseUrl) {
  const log = pino({ level: "silent" });
  const metrics = createMetrics("worker");
  const consumers = [takeDown("slow", 2)];
  await startWorker({ databaseUrl, config: testConfig(), log, metrics, tasks: [], crontab: [], consumers });
  process.send?.({ type: "ready" });
}
