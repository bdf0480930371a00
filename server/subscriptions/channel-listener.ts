import { Client } from "pg";
import type { Log } from "../../lib/log.ts";

/** What a listener needs. Times are in milliseconds. */
export interface ChannelListenerOptions {
  readonly connectionString: string;
  readonly log: Log;
  /** What is done with the notifications of each channel, by its name. */
  readonly channels: Readonly<Record<string, (payload: string) => void>>;
  /** Called after each (re)connection: notifications before it may have been missed. */
  readonly onConnect: () => void;
  readonly backOffMs?: { readonly first: number; readonly most: number };
}

/** A connection that hears notifications until it is closed. */
export interface ChannelListener {
  /** Whether it hears anything at the moment. */
  readonly isListening: boolean;
  close(): Promise<void>;
}

const pulseMs = 15_000;

/**
 * Listens to channels on one connection of its own, and connects again, with growing pauses, whenever that is lost. The
 * first connection is made before the promise resolves; an error there is thrown.
 */
export async function listenToChannels(options: ChannelListenerOptions): Promise<ChannelListener> {
  const { connectionString, log, channels, backOffMs = { first: 100, most: 10_000 } } = options;
  let closed = false;
  let client: Client | undefined;
  let isListening = false;
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
    next.on("notification", ({ channel, payload }) => channels[channel]?.(payload ?? ""));
    client = next;
    try {
      await next.connect();
      for (const channel of Object.keys(channels)) await next.query(`listen ${channel}`);
    } catch (error) {
      clearInterval(pulse);
      client = undefined;
      await next.end().catch(() => undefined);
      throw error;
    }
    failures = 0;
    isListening = client === next;
    options.onConnect();
  };

  const lose = (lost: Client) => {
    if (client !== lost) return;
    client = undefined;
    isListening = false;
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

  await connect();
  return {
    get isListening() {
      return isListening;
    },
    async close() {
      closed = true;
      isListening = false;
      clearTimeout(retry);
      const last = client;
      client = undefined;
      await last?.end().catch(() => undefined);
    },
  };
}
