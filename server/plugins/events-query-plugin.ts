import { context, each, get, lambda, object } from "postgraphile/grafast";
import { extendSchema, gql } from "postgraphile/utils";
import { RowhouseError } from "../../lib/errors.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import type { FeedPage } from "../feed/read-feed.ts";
import { subjectUuid } from "../feed/subject-uuid.ts";
import { currentSession } from "../http/request-scope.ts";
import type { Services } from "../services.ts";
import { EventStep } from "./event-step.ts";
import { typeIdPrefix } from "./type-id-plugin.ts";
import type { PageSizes } from "./page-size-plugin.ts";

/** What a client asks for. */
interface Wish {
  readonly after?: string | null;
  readonly types?: readonly string[] | null;
  readonly subjects?: readonly string[] | null;
  readonly first?: number | null;
}

const typeDefs = gql`
  """
  A stretch of the feed.
  """
  type EventPage {
    "The events, in the order of the feed."
    nodes: [Event!]!
    """
    Where to go on: everything up to here was looked through, and nothing will ever be added. It moves on even when no
    event matches.
    """
    cursor: Cursor!
    "Whether there is more after the cursor now. A page that is looked through for rare events may be empty although there is."
    hasMore: Boolean!
  }

  extend type Event {
    """
    The ids of the rows that it is about, as other queries take and show them. Empty when there are more than a thousand:
    they are those whose updatedAt is its createdAt.
    """
    subjectIds: [ID!]!
  }

  extend type Query {
    """
    The feed of this tenant: what changed, in order, none missing and none twice. Keep the cursor of the page when its
    events are dealt with, and ask after it again.
    """
    events(
      "The cursor of an event, of a page, or feedHead; from the oldest event that is kept when it is left out."
      after: Cursor
      "Types of events, such as contact.created, or contact.* for all of contacts; all types if empty."
      types: [String!]
      "Ids of rows: only events that are about one of them; about any if empty."
      subjects: [ID!]
      "How many events at most."
      first: Int
    ): EventPage!

    """
    The cursor of everything that is complete now. Take it before you read the rows themselves; the events after it are
    what you may have missed meanwhile.
    """
    feedHead: Cursor!
  }
`;

/** The queries `events` and `feedHead`: the feed, page by page. */
export function eventsQueryPlugin(pages: PageSizes): GraphileConfig.Plugin {
  const read = async ([{ feedReader }, wish]: readonly [Services, Wish]): Promise<FeedPage> => {
    const first = wish.first ?? pages.default;
    if (first > pages.max) {
      const message = `first is ${first}, and a page may have at most ${pages.max} events. Ask for less, and go on from its cursor.`;
      const details = { limit: pages.max, count: first, name: "pageSize" };
      throw new RowhouseError("LIMIT_EXCEEDED", message, { field: "first", details });
    }
    const filter = { types: wish.types ?? [], subjects: (wish.subjects ?? []).map(subjectUuid) };
    return feedReader.page(currentSession(), wish.after ?? null, filter, first);
  };
  const head = async ({ feedReader }: Services) => (await feedReader.head(currentSession())).cursor;
  const services = () => context().get("services") as any;

  return {
    ...extendSchema((build: any) => {
      const resource = Object.values<any>(build.pgResources).find(
        (each) => each.codec.extensions?.pg?.name === "events" && !each.parameters,
      );
      const prefixes = new Map<string, string | undefined>(
        Object.values<any>(build.pgResources)
          .filter(({ codec, parameters }) => codec.attributes?.id && !parameters)
          .map(({ codec }) => [codec.extensions?.pg?.name, typeIdPrefix(codec.attributes.id.codec)]),
      );
      const subjectIds = ([table, keys]: readonly [string, readonly string[]]) => {
        const prefix = prefixes.get(table);
        return prefix === undefined ? keys : keys.map((key) => encodeTypeId(prefix, key));
      };
      return {
        typeDefs,
        objects: {
          Query: {
            plans: {
              events(_: unknown, { $after: after, $types: types, $subjects: subjects, $first: first }: any) {
                return lambda([services(), object({ after, types, subjects, first } as any)] as any, read as any);
              },
              feedHead: () => lambda(services(), head as any),
            },
          },
          Event: {
            plans: {
              subjectIds: ($event: any) => lambda([$event.get("subject_type"), $event.get("keys")], subjectIds as any),
            },
          },
          EventPage: {
            plans: {
              nodes: ($page: any) =>
                each(get($page, "events") as any, ($event) => new EventStep(resource, $event) as any),
              cursor: ($page: any) => get($page, "cursor"),
              hasMore: ($page: any) => get($page, "hasMore"),
            },
          },
        },
      } as any;
    }),
    name: "EventsQueryPlugin",
  };
}
