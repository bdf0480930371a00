import pg from "pg";
import type { Log } from "../../lib/log.ts";

/** A connection that hears whose feed has news. */
export interface FeedListener {
  close(): Promise<void>;
}

/**
 * Listens for the tenants whose feed has news. A connection that is lost is made again after a second; what was missed
 * meanwhile is found by polling.
 */
export function listenToFeed(connectionString: string, log: Log, hear: (tenantId: string) => void): FeedListener {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const lost = (error?: Error) => {
    if (closed || timer) return;
    if (error) log.warn({ err: error }, "lost the connection that listens to the feed; polling goes on");
    void client?.end().catch(() => {});
    client = undefined;
    timer = setTimeout(() => {
      timer = undefined;
      opening = open();
    }, 1000);
  };
  const open = async () => {
    client = new pg.Client({ connectionString, application_name: "rowhouse worker feed", keepAlive: true });
    client.on("error", lost);
    client.on("end", () => lost());
    client.on("notification", ({ payload }) => payload && hear(payload));
    try {
      await client.connect();
      await client.query("listen rowhouse_events");
    } catch (error) {
      lost(error as Error);
    }
  };
  let opening = open();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await opening;
      await client?.end().catch(() => {});
    },
  };
}
