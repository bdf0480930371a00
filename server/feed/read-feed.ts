import { escapeLiteral, type Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { pgSettings, type Session } from "../auth/session.ts";
import { translateDatabaseError } from "../errors/database-error.ts";
import { eventColumns, feedEventOf, type EventFilter, type FeedEvent } from "./feed-event.ts";

/** What row-level security shows of the feed depends on these claims only: who has the same reads the same. */
export type FeedClaims = Pick<Session, "tenantId" | "role" | "scopes">;

/** A stretch of the feed. */
export interface FeedPage {
  readonly events: FeedEvent[];
  /** Where it ends: everything up to here was looked through, and nothing will ever be added. */
  readonly cursor: string;
  readonly position: bigint;
  readonly hasMore: boolean;
}

/** Reads the feed of a tenant under the claims of those who see it. */
export interface FeedReader {
  /** The end of everything that is complete now. */
  head(claims: FeedClaims): Promise<Pick<FeedPage, "cursor" | "position">>;
  /** The next wanted events after a cursor, oldest first; from the oldest that is kept on without one. Throws for a cursor that is none, or too old. */
  page(claims: FeedClaims, after: string | null, filter: EventFilter, first: number): Promise<FeedPage>;
}

const columns = eventColumns
  .map((name) =>
    name === "created_at" ? `to_char(n.${name}, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM')` : `n.${name}::text`,
  )
  .map((expression, index) => `${expression} as ${eventColumns[index]}`)
  .join(", ");
const pageSql = (after: string | null, { types, subjects }: EventFilter, first: number) => `
  select ${columns}, events.cursor_of(n.position) as cursor, round(extract(epoch from n.created_at) * 1000)::text as created_ms,
    p.cursor as page_cursor, events.position_of(p.cursor)::text as page_position, p.has_more::text as has_more
  from events.feed_page(${after === null ? "null" : literal(after)}, ${listOf(types)}::text[], ${listOf(subjects)}::uuid[], ${Number(first)}) p
  left join lateral unnest(p.nodes) n on true`;
const headSql = "select h as cursor, events.position_of(h)::text as position from events.feed_head() h";

/** Reads through a pool of the login rowhouse_server, a few at a time: whoever waits here takes no connection. */
export function createFeedReader(pool: Pool, readsMax = 6): FeedReader {
  const turn = createTurns(readsMax);
  // Sent together, and one transaction therefore: of what a read costs, the ways there and back are the most.
  const ask = (claims: FeedClaims, sql: string): Promise<TextRow[]> =>
    turn(async () => {
      try {
        const results = await pool.query(`${claim(claims)};${sql}`);
        return (results as unknown as { rows: TextRow[] }[])[1]!.rows;
      } catch (error) {
        throw translateDatabaseError(error) ?? error;
      }
    });

  return {
    async head(claims) {
      const [row] = await ask(claims, headSql);
      return { cursor: row!["cursor"]!, position: BigInt(row!["position"]!) };
    },
    async page(claims, after, filter, first) {
      const rows = await ask(claims, pageSql(after, filter, first));
      const { page_cursor: cursor, page_position: position, has_more: hasMore } = rows[0]!;
      const events = rows.filter(({ id }) => id !== null).map(feedEventOf);
      return { events, cursor: cursor!, position: BigInt(position!), hasMore: hasMore === "true" };
    },
  };
}

type TextRow = Record<string, string | null>;

/** The key of all who see the same of the feed. */
export function keyOfClaims({ role, scopes }: FeedClaims): string {
  return JSON.stringify([role, scopes === undefined ? null : [...scopes].sort()]);
}

function claim({ tenantId, role, scopes }: FeedClaims): string {
  const settings = Object.entries(pgSettings({ tenantId, role, scopes }));
  return `select ${settings.map(([name, value]) => `set_config('${name}', ${escapeLiteral(value)}, true)`).join(", ")}`;
}

function literal(text: string): string {
  // It would end the statement there.
  if (text.includes("\0"))
    throw new RowhouseError("VALIDATION_FAILED", "A text holds a NUL character (\\u0000). Remove it.");
  return escapeLiteral(text);
}

function listOf(texts: readonly string[]): string {
  return texts.length === 0 ? "'{}'" : `array[${texts.map(literal).join(", ")}]`;
}

/** Lets a number of tasks run at once; the others wait in line. */
function createTurns(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
