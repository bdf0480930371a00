/** Columns of an event as PostgreSQL writes them; times as the API shows them. */
export type EventRow = Readonly<Record<EventColumn, string | null>>;

/** The columns that a subscriber of the feed can ask for without another query. */
export const eventColumns = [
  "tenant_id",
  "id",
  "position",
  "depth",
  "type",
  "subject_type",
  "subject_id",
  "keys",
  "changed_fields",
  "row_count",
  "counts",
  "payload",
  "actor_id",
  "correlation_id",
  "request_id",
  "created_at",
] as const;

/** One of the columns of an event. */
export type EventColumn = (typeof eventColumns)[number];

/** One event of the feed, as all its subscribers share it. */
export interface FeedEvent {
  readonly position: bigint;
  /** What a client gives back to go on after this event. */
  readonly cursor: string;
  readonly type: string;
  /** The uuids of the rows that it is about; undefined when they are too many to be named. */
  readonly subjects: ReadonlySet<string> | undefined;
  readonly createdAt: Date;
  readonly row: EventRow;
  /** What the columns are in the API, by name, once somebody has asked for them. */
  readonly shown: Map<string, unknown>;
  /** About how much memory it takes. */
  readonly bytes: number;
}

/** Which events somebody wants; empty lists want all. */
export interface EventFilter {
  /** Types such as `contact.created`, or `contact.*` for all that begin so. */
  readonly types: readonly string[];
  /** Uuids of rows. */
  readonly subjects: readonly string[];
}

/** An event from a row of the query that `readFeed` makes. */
export function feedEventOf(row: Record<string, string | null>): FeedEvent {
  const columns = row as EventRow;
  let subjects: { known: Set<string> | undefined } | undefined;
  return {
    position: BigInt(columns.position!),
    cursor: row["cursor"]!,
    type: columns.type!,
    get subjects() {
      return (subjects ??= { known: subjectsOf(columns) }).known;
    },
    createdAt: new Date(Number(row["created_ms"])),
    row: columns,
    shown: new Map(),
    bytes: Object.values(columns).reduce((sum, text) => sum + (text?.length ?? 0), 500),
  };
}

function subjectsOf({ keys, subject_id: id, row_count: count }: EventRow): Set<string> | undefined {
  const subjects = new Set((keys ?? "{}").slice(1, -1).split(",").filter(Boolean));
  if (Number(count) > subjects.size) return undefined;
  return id === null ? subjects : subjects.add(id);
}

/** Whether an event is among those that are wanted; the same rule as `events.feed_page` has. */
export function isWanted(event: FeedEvent, { types, subjects }: EventFilter): boolean {
  return (
    (types.length === 0 || types.some((type) => matchesType(event.type, type))) &&
    (subjects.length === 0 || subjects.some((subject) => event.subjects?.has(subject) ?? true))
  );
}

function matchesType(type: string, wanted: string): boolean {
  return wanted.endsWith("*") ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
}
