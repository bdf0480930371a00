import { Client } from "pg";
import { z } from "zod";
import type { Log } from "../../lib/log.ts";

/** The channel that `ddl.notify_progress` writes to. */
export const progressChannel = "rowhouse_progress";

/** One notification: which rows of a tenant's table changed; without ids, any of them may have. */
export interface Change {
  readonly tenant: string;
  readonly table: string;
  readonly ids?: readonly string[] | undefined;
}

/** What a listener needs. Times are in milliseconds. */
export interface ChangeListenerOptions {
  readonly connectionString: string;
  readonly log: Log;
  readonly onChange: (change: Change) => void;
  /** Called after each (re)connection: notifications before it may have been missed. */
  readonly onConnect: () => void;
  readonly backOffMs?: { readonly first: number; readonly most: number };
}

/** A connection that hears what changes until it is closed. */
export interface ChangeListener {
  close(): Promise<void>;
}

const changeSchema = z.object({ tenant: z.string(), table: z.string(), ids: z.array(z.string()).nullish() });
const pulseMs = 15_000;

/**
 * Listens on one connection of its own, and connects again, with growing pauses, whenever that is lost. The first
 * connection is made before the promise resolves; an error there is thrown.
 */
export async function listenToChanges(options: ChangeListenerOptions): Promise<ChangeListener> {
  const { connectionString, log, backOffMs = { first: 100, most: 10_000 } } = options;
  let closed = false;
  let client: Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let failures = 0;

  const connect = async (): Promise<void> => {
    const next = new Client({
      connectionString,
      application_name: "rowhouse changes",
      connectionTimeoutMillis: 10_000,
      query_timeout: 10_000,
      keepAlive: true,
    });
    const pulse = setInterval(() => void next.query("select 1").catch(() => lose(next)), pulseMs).unref();
    next.on("end", () => (clearInterval(pulse), lose(next)));
    next.on("error", (error) => {
      log.warn({ err: error }, "the connection that hears changes was lost");
      clearInterval(pulse);
      lose(next);
    });
    next.on("notification", ({ payload }) => hear(payload ?? ""));
    client = next;
    try {
      await next.connect();
      await next.query(`listen ${progressChannel}`);
    } catch (error) {
      clearInterval(pulse);
      client = undefined;
      await next.end().catch(() => undefined);
      throw error;
    }
    failures = 0;
    options.onConnect();
  };

  const lose = (lost: Client) => {
    if (client !== lost) return;
    client = undefined;
    void lost.end().catch(() => undefined);
    connectLater();
  };

  const connectLater = () => {
    if (closed) return;
    const pause = Math.min(backOffMs.most, backOffMs.first * 2 ** failures++) * (0.75 + Math.random() / 2);
    retry = setTimeout(() => {
      connect().catch((error: unknown) => {
        log.warn({ err: error, failures }, "cannot hear changes; trying again");
        connectLater();
      });
    }, pause);
  };

  const hear = (payload: string) => {
    const parsed = changeSchema.safeParse(jsonOf(payload));
    if (!parsed.success)
      return log.error({ channel: progressChannel }, "a notification is not a change; passing it over");
    options.onChange({ ...parsed.data, ids: parsed.data.ids ?? undefined });
  };

  await connect();
  return {
    async close() {
      closed = true;
      clearTimeout(retry);
      const last = client;
      client = undefined;
      await last?.end().catch(() => undefined);
    },
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
