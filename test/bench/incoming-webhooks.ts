import { performance } from "node:perf_hooks";
import { sign } from "../support/webhooks.ts";
import { type Figure, median } from "./measure.ts";
import type { BenchStack } from "./stack.ts";

const medianMax = 20;
const bytes = 2048;

/** How long a signed call of 2 kB waits for its answer, which comes when it is stored, verified and queued; in turns with a small query. */
export async function benchIncomingWebhooks({ api }: Pick<BenchStack, "api">, rounds = 300): Promise<Figure[]> {
  const made = await api.query<{ createWebhookSource: { url: string; secret: string } }>(
    `mutation { createWebhookSource(input: { name: "Bench ${Date.now()}", provider: "bench", signatureScheme: STANDARD_WEBHOOKS }) { url secret } }`,
  );
  const { secret } = made.createWebhookSource;
  const url = api.url + new URL(made.createWebhookSource.url).pathname;
  const times: Record<"call" | "query", number[]> = { call: [], query: [] };
  const warmUp = Math.ceil(rounds / 10);
  for (let round = -warmUp; round < rounds; round++) {
    const start = performance.now();
    await call(url, secret, round);
    const between = performance.now();
    await api.query("{ lists(first: 1) { nodes { id name } } }");
    if (round < 0) continue;
    times.call.push(between - start);
    times.query.push(performance.now() - between);
  }
  const ms = (numbers: number[]) =>
    `${median(numbers).toFixed(1)} ms (95 of 100 within ${late(numbers).toFixed(1)} ms)`;
  return [
    {
      what: "incoming webhooks: a signed call of 2 kB, stored, verified, queued and answered over HTTP",
      measured: ms(times.call),
      comparedWith: `a small query over HTTP: ${ms(times.query)}`,
      ratio: (median(times.call) / median(times.query)).toFixed(2),
      goal: `median below ${medianMax} ms`,
      isMet: median(times.call) < medianMax,
    },
  ];
}

async function call(url: string, secret: string, round: number): Promise<void> {
  const head = JSON.stringify({ type: "deal.won", round, text: "" });
  const body = head.replace(/""}$/, JSON.stringify("x".repeat(bytes - head.length)) + "}");
  const headers = { "content-type": "application/json", ...sign.standardWebhooks(secret, body) };
  const response = await fetch(url, { method: "POST", headers, body });
  const answer = await response.text();
  if (response.status !== 202) throw new Error(`A call was answered with HTTP ${response.status}: ${answer}`);
}

/** What 95 of 100 are within. */
function late(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.ceil(numbers.length * 0.95) - 1] ?? Number.NaN;
}
