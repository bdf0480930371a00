import { context, lambda, listen, object } from "postgraphile/grafast";
import { extendSchema, gql } from "postgraphile/utils";
import type { FeedEvent } from "../feed/feed-event.ts";
import { subjectUuid } from "../feed/subject-uuid.ts";
import { currentRequest, currentSession } from "../http/request-scope.ts";
import type { Services } from "../services.ts";
import { EventStep } from "./event-step.ts";

/** What a client asks for. */
interface Wish {
  readonly after?: string | null;
  readonly types?: readonly string[] | null;
  readonly subjects?: readonly string[] | null;
}

/** An event, or why there will be no more. */
type Item = FeedEvent | { readonly end: unknown };

const feedOf = (services: Services) => ({
  subscribe(wish: Wish): AsyncIterableIterator<Item> {
    const { resumeAfter, whenIdle, noteEventId } = currentRequest() ?? {};
    const events = services.feed.subscribe({
      session: currentSession(),
      // What an event stream has had since it was asked for is later than what it was asked for with.
      after: resumeAfter ?? wish.after ?? undefined,
      types: wish.types ?? [],
      subjects: (wish.subjects ?? []).map(subjectUuid),
      ready: whenIdle,
    });
    return withEnd(events, noteEventId);
  },
});

/** The client is told by an answer why its subscription ends: a stream that throws would end the whole socket. */
function withEnd(
  events: AsyncIterableIterator<FeedEvent>,
  note: ((cursor: string) => void) | undefined,
): AsyncIterableIterator<Item> {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const result = await events.next();
        if (!result.done) note?.(result.value.cursor);
        return result;
      } catch (error) {
        return { done: false, value: { end: error } };
      }
    },
    return: () => events.return!(),
    throw: (error) => events.throw!(error),
  };
}

function eventOf(item: Item): FeedEvent {
  if ("end" in item) throw item.end;
  return item;
}

const fields = extendSchema((build: any) => {
  const resource = Object.values<any>(build.pgResources).find(
    (each) => each.codec.extensions?.pg?.name === "events" && !each.parameters,
  );
  return {
    typeDefs: gql`
      extend type Subscription {
        """
        The events of this tenant: those after the cursor, then each as it happens, in order, none missing and none
        twice. Without a cursor they begin now. Keep the cursor of the last event, and subscribe with it again when the
        connection was lost.
        """
        events(
          "Cursor of the last event that you have."
          after: Cursor
          "Types of events, such as contact.created, or contact.* for all of contacts; all types if empty."
          types: [String!]
          "Ids of rows: only events that are about one of them; about any if empty."
          subjects: [ID!]
        ): Event
      }
    `,
    objects: {
      Subscription: {
        plans: {
          events: {
            subscribePlan(_: unknown, { $after: after, $types: types, $subjects: subjects }: any) {
              const $services = context().get("services") as any;
              return listen(lambda($services, feedOf as any) as any, object({ after, types, subjects }) as any);
            },
            plan: ($item: any) => new EventStep(resource, lambda($item, eventOf as any, true)),
          },
        },
      },
    },
  } as any;
});

/** What the API makes of an event's columns by an expression of SQL, made from the event that came with the feed. */
const derived: Readonly<Record<string, (event: FeedEvent) => unknown>> = {
  rowId: (event) => event.row.id,
  cursor: (event) => event.cursor,
};

/** The subscription `events` to the feed, without a query of its own for each subscriber. */
export const EventsSubscriptionPlugin: GraphileConfig.Plugin = {
  ...fields,
  name: "EventsSubscriptionPlugin",
  schema: {
    ...fields.schema,
    hooks: {
      ...fields.schema?.hooks,
      GraphQLObjectType_fields_field(field: any, _build: unknown, { Self, scope }: any) {
        const of = Self.name === "Event" ? derived[scope.fieldName] : undefined;
        if (of === undefined) return field;
        const plan = field.plan;
        return {
          ...field,
          plan: ($row: any, ...rest: unknown[]) =>
            $row instanceof EventStep ? $row.derive(scope.fieldName, of) : plan($row, ...rest),
        };
      },
    } as any,
  },
};
