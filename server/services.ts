import type { Pool } from "pg";
import type { Config } from "../lib/config.ts";
import type { AccessTokens } from "./auth/access-tokens.ts";
import type { Revocations } from "./auth/revocations.ts";
import type { FeedHub } from "./feed/feed-hub.ts";
import type { RowWatch } from "./feed/watch-rows.ts";
import type { FeedReader } from "./feed/read-feed.ts";
import type { LiveQueries } from "./live/live-queries.ts";
import type { ChangeHub } from "./subscriptions/change-hub.ts";

/** What fields of the API need besides the caller's own connection. */
export interface Services {
  readonly config: Config;
  readonly pool: Pool;
  readonly tokens: AccessTokens;
  readonly revocations: Revocations;
  readonly refreshTokenDays: number;
  readonly changes: ChangeHub;
  readonly feed: FeedHub;
  readonly rows: RowWatch;
  readonly feedReader: FeedReader;
  readonly live: LiveQueries;
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Grafast {
    interface Context {
      /** Absent where the schema is only printed. */
      readonly services?: Services;
    }
  }
}
