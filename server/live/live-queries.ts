import { print, type ExecutionArgs, type ExecutionResult } from "graphql";
import type { Pool } from "pg";
import { Counter, Gauge, type Registry } from "prom-client";
import type { Log } from "../../lib/log.ts";
import { pgSettings, type Session } from "../auth/session.ts";
import type { FeedHub } from "../feed/feed-hub.ts";
import type { FeedReader } from "../feed/read-feed.ts";
import type { RequestScope } from "../http/request-scope.ts";
import type { Admission } from "../limits/admission.ts";
import { watchFeed, type FeedWatch } from "./feed-watch.ts";
import { followLive } from "./follow-live.ts";
import { createLiveGroup, type LiveGroup } from "./live-group.ts";
import { runLive } from "./live-run.ts";
import { createTurns, type TakeTurn } from "./turns.ts";
import { readTableCatalog, type TableCatalog } from "./table-catalog.ts";

/** One query to keep up to date, as somebody asks for it. */
export interface LiveQuery {
  readonly args: ExecutionArgs;
  readonly scope: RequestScope;
  /** The shortest time between two runs, in milliseconds. */
  readonly throttleMs: number;
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
}

/** Keeps the answers to queries up to date. */
export interface LiveQueries {
  /** The answer now, then what differs whenever it does. */
  follow(query: LiveQuery): Promise<AsyncIterableIterator<ExecutionResult>>;
  /** Rows of a tenant's table may have changed without an event, such as the counts of a task's progress. */
  changed(tenantId: string, table: string): void;
  close(): void;
}

/** What live queries need. */
export interface LiveQueriesOptions {
  readonly pool: Pool;
  readonly feed: FeedHub;
  readonly reader: FeedReader;
  readonly admission: Admission;
  readonly log: Log;
  readonly metrics: Registry;
}

/** How many live queries of one tenant run at once; the others wait, and leave it room for what else it asks for. */
const runsMax = 4;

interface Watched {
  readonly turn: TakeTurn;
  readonly groups: Map<string, LiveGroup>;
  readonly watch: FeedWatch;
}

/** Live queries that nobody asks for yet. */
export function createLiveQueries(options: LiveQueriesOptions): LiveQueries {
  const { pool, admission, log, metrics } = options;
  const tenants = new Map<string, Watched>();
  let catalog: Promise<TableCatalog> | undefined;
  const groups = () => [...tenants.values()].flatMap((each) => [...each.groups.values()]);
  const runs = gauges(metrics, groups);

  const watchedOf = (tenantId: string): Watched => {
    let watched = tenants.get(tenantId);
    if (watched !== undefined) return watched;
    const ofTenant = new Map<string, LiveGroup>();
    const watch = watchFeed(tenantId, options, (table) => ofTenant.forEach((group) => group.changed(table)));
    watched = { groups: ofTenant, watch, turn: createTurns(runsMax) };
    tenants.set(tenantId, watched);
    return watched;
  };

  const readCatalog = () =>
    (catalog ??= readTableCatalog(pool).catch((error: unknown) => {
      catalog = undefined;
      throw error;
    }));

  const admit = async (session: Session, turn: TakeTurn, isJoin: boolean) => {
    const giveBack = await turn();
    // Whoever joins was admitted as such.
    if (isJoin) return giveBack;
    try {
      const leave = await admission.operation(session, "operations");
      return () => (leave(), giveBack());
    } catch (error) {
      giveBack();
      throw error;
    }
  };

  return {
    async follow({ args, scope, throttleMs, execute }) {
      const { session } = scope;
      const tenantId = session.tenantId!;
      const { groups: ofTenant, watch, turn } = watchedOf(tenantId);
      const key = keyOf(args, scope);
      let group = ofTenant.get(key);
      if (group === undefined) {
        group = createLiveGroup({
          run: () => runLive({ args, scope, execute, catalog: readCatalog, log }),
          admit: (isJoin) => admit(session, turn, isJoin),
          throttleMs,
          onRun: (outcome) => runs.inc({ outcome }),
        });
        ofTenant.set(key, group);
      }
      const joined = group;
      const following = followLive(joined, () => {
        if (joined.followers.size > 0) return;
        joined.end();
        if (ofTenant.get(key) === joined) ofTenant.delete(key);
        if (ofTenant.size > 0 || tenants.get(tenantId)?.groups !== ofTenant) return;
        tenants.delete(tenantId);
        watch.stop();
      });
      await watch.ready;
      return following;
    },
    changed: (tenantId, table) => tenants.get(tenantId)?.groups.forEach((group) => group.changed(table)),
    close() {
      for (const { groups: ofTenant, watch } of tenants.values()) {
        watch.stop();
        for (const group of ofTenant.values()) group.end();
      }
      tenants.clear();
    },
  };
}

/** The same document, variables and claims: the same answer. */
function keyOf({ document, operationName, variableValues }: ExecutionArgs, { session, documentHash }: RequestScope) {
  return JSON.stringify([
    documentHash ?? print(document),
    operationName,
    inOrder(variableValues ?? {}),
    pgSettings(session),
  ]);
}

function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return { entries: entries.map(([name, each]) => [name, inOrder(each)]) };
}

function gauges(registry: Registry, groups: () => LiveGroup[]): Counter<"outcome"> {
  const gauge = (name: string, help: string, count: () => number) =>
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        this.set(count());
      },
    });
  gauge("rowhouse_live_queries", "Live queries that differ in document, variables or claims.", () => groups().length);
  gauge("rowhouse_live_query_subscribers", "Who follows a live query.", () =>
    groups().reduce((sum, { followers }) => sum + followers.size, 0),
  );
  return new Counter({
    name: "rowhouse_live_query_runs_total",
    help: "Runs of live queries, by what came of them.",
    labelNames: ["outcome"],
    registers: [registry],
  });
}
