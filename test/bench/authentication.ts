import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import pg from "pg";
import { pino } from "pino";
import { loadConfig } from "../../lib/config.ts";
import { createAccessTokens } from "../../server/auth/access-tokens.ts";
import { createApiKeys } from "../../server/auth/api-keys.ts";
import { watchRevocations } from "../../server/auth/revocations.ts";
import { withRevocations } from "../../server/auth/token-verifier.ts";
import { type Figure, median } from "./measure.ts";
import type { BenchStack } from "./stack.ts";

/** What is asked of a stack. */
export type AuthenticationStack = Pick<BenchStack, "admin" | "serverUrl" | "tenantId"> & {
  readonly api: Pick<BenchStack["api"], "query">;
};

const shareMax = 0.05;
const scopesMax = 1.03;

/**
 * What it takes to find out who sends a request, by token and by API key, with and without what is remembered of them,
 * against a read of one row over HTTP; and what the wall of scopes costs those who are not limited by it.
 */
export async function benchAuthentication(stack: AuthenticationStack, rounds = 400): Promise<Figure[]> {
  const { createList } = await stack.api.query<{ createList: { list: { id: string } } }>(
    `mutation { createList(input: { list: { name: "Authentication" } }) { list { id } } }`,
  );
  const variables = { id: createList.list.id };
  const { createApiKey } = await stack.api.query<{ createApiKey: { key: string } }>(
    `mutation { createApiKey(input: { name: "Bench" }) { key } }`,
  );
  const { key } = createApiKey;
  const config = loadConfig({ ROWHOUSE_SECRET: "the secret of a measurement, and of nothing else" });
  const tokens = createAccessTokens(config);
  const ids = { userId: randomUUID(), tenantId: stack.tenantId, actorId: randomUUID() };
  const { token } = tokens.sign({ ...ids, role: "member" }, 60);
  const pool = new pg.Pool({ connectionString: stack.serverUrl, max: 2 });
  const revocations = await watchRevocations(pool, pino({ level: "silent" }));
  try {
    const uses = { note: () => undefined };
    const remembering = withRevocations(tokens, revocations);
    const keys = createApiKeys(pool, revocations, uses);
    const forgetful = createApiKeys(pool, { isCurrent: () => false }, uses);
    const query = "query PointRead($id: ID!) { list(id: $id) { id name } }";
    // In turns, so that whatever else the machine does weighs on all of them alike.
    const times = await inTurns(rounds, {
      read: { work: () => stack.api.query(query, variables), times: 1 },
      token: { work: () => tokens.verify(token), times: 20 },
      rememberedToken: { work: () => remembering.verify(token), times: 200 },
      key: { work: () => forgetful.verify(key, "127.0.0.1"), times: 1 },
      rememberedKey: { work: () => keys.verify(key, "127.0.0.1"), times: 200 },
    });
    const share = (what: string, ms: number, isGoal: boolean): Figure => ({
      what: `authentication, ${what}`,
      measured: `${(ms * 1000).toFixed(1)} µs`,
      comparedWith: `one row read over HTTP: ${times.read.toFixed(2)} ms`,
      ratio: (ms / times.read).toFixed(4),
      goal: isGoal ? `at most ${shareMax.toFixed(2)}` : "for information",
      isMet: !isGoal || ms / times.read <= shareMax,
    });
    return [
      share("a token that is new", times.token, true),
      share("a token that is remembered", times.rememberedToken, true),
      share("an API key that is remembered", times.rememberedKey, true),
      share("an API key that is new: a look into the database", times.key, false),
      await benchScopes(stack, rounds),
    ];
  } finally {
    revocations.close();
    await pool.end();
  }
}

interface Work {
  readonly work: () => unknown;
  /** How often it is done before the clock is looked at. */
  readonly times: number;
}

/** The median of each, in milliseconds. */
async function inTurns<K extends string>(rounds: number, works: Record<K, Work>): Promise<Record<K, number>> {
  const entries = Object.entries(works) as [K, Work][];
  const all = new Map<K, number[]>(entries.map(([name]) => [name, []]));
  const warmUp = Math.ceil(rounds / 10);
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, { work, times }] of entries) {
      const start = performance.now();
      for (let i = 0; i < times; i++) {
        const result = work();
        if (result instanceof Promise) await result;
      }
      if (round >= 0) all.get(name)!.push((performance.now() - start) / times);
    }
  }
  return Object.fromEntries(entries.map(([name]) => [name, median(all.get(name)!)])) as Record<K, number>;
}

const batch = 50;

/**
 * The same read as a member without scopes, with the wall of scopes on its table and, in the other turns, without it;
 * planned each time, which is where a policy of others could cost something.
 */
async function benchScopes({ admin, serverUrl, tenantId }: AuthenticationStack, rounds: number): Promise<Figure> {
  const member = new pg.Client({ connectionString: serverUrl });
  await member.connect();
  const times: Record<"with" | "without", number[]> = { with: [], without: [] };
  try {
    await member.query(
      "select set_config('role', 'rowhouse_member', false), set_config('jwt.claims.tenant_id', $1, false)",
      [tenantId],
    );
    const text = `select id, name from lists.lists where id = '${randomUUID()}';`.repeat(batch);
    for (let turn = 0; turn < Math.ceil(rounds / 10); turn++) {
      for (const which of ["with", "without"] as const) {
        if (which === "without") await admin.query("drop policy scope_wall on lists.lists");
        // The first is for reading the table's description again.
        for (let i = 0; i < 6; i++) {
          const start = performance.now();
          await member.query(text);
          if (i > 0) times[which].push((performance.now() - start) / batch);
        }
        if (which === "without") await admin.query(restoreWall);
      }
    }
  } finally {
    await member.end();
  }
  const [walled, free] = [median(times.with), median(times.without)];
  return {
    what: "scopes of API keys, for whoever has none: one row, planned and read",
    measured: `${walled.toFixed(4)} ms`,
    comparedWith: `without the policy: ${free.toFixed(4)} ms`,
    ratio: (walled / free).toFixed(3),
    goal: `at most ${scopesMax.toFixed(2)}`,
    isMet: walled / free <= scopesMax,
  };
}

const restoreWall = `create policy scope_wall on lists.lists as restrictive for all to rowhouse_scoped
  using ((select app.require_scope('lists:read'))) with check ((select app.require_scope('lists:write')))`;
