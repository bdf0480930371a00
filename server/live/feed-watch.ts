import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../lib/log.ts";
import type { FeedHub } from "../feed/feed-hub.ts";
import type { FeedReader } from "../feed/read-feed.ts";

/** Follows one tenant's feed for what changes. */
export interface FeedWatch {
  /** Resolves once nothing that changes from now on is missed. */
  readonly ready: Promise<void>;
  stop(): void;
}

const failurePauseMs = { first: 250, most: 10_000 };

/**
 * Calls back with the table of each event of a tenant, or without one when any may have changed. It sees every event of
 * the tenant, whoever may read them: what comes of it is only that somebody reads again what they may.
 */
export function watchFeed(
  tenantId: string,
  { feed, reader, log }: { readonly feed: FeedHub; readonly reader: FeedReader; readonly log: Log },
  onChange: (table: string | undefined) => void,
): FeedWatch {
  const session = { tenantId, role: "admin" } as const;
  let events: AsyncIterableIterator<unknown> | undefined;
  let isOver = false;
  const started = Promise.withResolvers<void>();

  const follow = async () => {
    for (let failures = 0; !isOver;) {
      try {
        const { cursor } = await reader.head(session);
        if (isOver) break;
        const following = feed.subscribe({ session, after: cursor });
        events = following;
        // Whatever happened before, a run from here on sees.
        if (failures > 0) onChange(undefined);
        started.resolve();
        for await (const { row } of following) {
          failures = 0;
          onChange(row.subject_type ?? undefined);
        }
      } catch (error) {
        failures++;
        log.warn({ err: error, tenantId, failures }, "the feed cannot be followed for live queries; trying again");
      }
      if (!isOver) await sleep(Math.min(failurePauseMs.most, failurePauseMs.first * 2 ** failures));
    }
  };

  void follow();
  return {
    ready: started.promise,
    stop() {
      isOver = true;
      started.resolve();
      void events?.return?.();
    },
  };
}
