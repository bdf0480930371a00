import { lambda, type Step } from "postgraphile/grafast";
import { PgSelectSingleStep } from "postgraphile/@dataplan/pg";
import { eventColumns, type EventColumn, type FeedEvent } from "../feed/feed-event.ts";

/** A row of `events.events` that came with the feed: its columns are there already, and nothing is asked of the database. */
export class EventStep extends (PgSelectSingleStep as any) {
  static $$export = { moduleName: "rowhouse", exportName: "EventStep" };

  constructor(resource: unknown, $event: Step) {
    // There is no query that it would be a row of.
    super({ resource, mode: "normal", id: -1 }, $event);
  }

  get(column: string): Step {
    const { codec } = (this as any).resource.codec.attributes[column] ?? {};
    if (!isEventColumn(column) || codec === undefined) {
      throw new Error(`${column} of an event does not come with the feed. Add it to eventColumns.`);
    }
    return this.derive(column, (event) => {
      if (!event.shown.has(column)) {
        const text = event.row[column];
        event.shown.set(column, text === null ? null : codec.fromPg(text));
      }
      return event.shown.get(column);
    });
  }

  /** A value that is made from the event itself. */
  derive(name: string, of: (event: FeedEvent) => unknown): Step {
    return (this as any).cacheStep("derive", name, () =>
      lambda(this as any, (event: any) => (event ? of(event) : null), true),
    );
  }

  select(): never {
    throw new Error("An event that came with the feed cannot be asked for an expression of SQL.");
  }

  getClassStep(): never {
    throw new Error("An event that came with the feed belongs to no query.");
  }

  deduplicate(): never[] {
    return [];
  }

  optimize(): this {
    return this;
  }

  unbatchedExecute(_extra: unknown, event: FeedEvent): FeedEvent {
    return event;
  }
}

function isEventColumn(name: string): name is EventColumn {
  return (eventColumns as readonly string[]).includes(name);
}
