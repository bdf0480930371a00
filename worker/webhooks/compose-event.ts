import { encodeTypeId } from "../../lib/type-id.ts";
import type { FeedEvent } from "../feed/define-consumer.ts";
import { camelCase, type ApiColumn, type ApiTable, type ApiTables } from "./api-columns.ts";

/** A row as the database has it. */
export type Row = Readonly<Record<string, unknown>>;

/** What a webhook says of an event: Standard Webhooks' `type`, `timestamp` and `data`. */
export function composeEvent(tables: ApiTables, event: FeedEvent, rows: readonly Row[] | undefined): object {
  const table = tables.get(event.subject_type);
  const id = (uuid: string) => (table?.prefix ? encodeTypeId(table.prefix, uuid) : uuid);
  return {
    type: event.type,
    timestamp: event.created_at.toISOString(),
    data: {
      id: encodeTypeId("evt", event.id),
      type: event.type,
      subjectType: event.subject_type,
      subjectId: event.subject_id && id(event.subject_id),
      keys: event.keys.map(id),
      rowCount: Number(event.row_count),
      changedFields: event.changed_fields.map((column) => table?.columns.get(column)?.name ?? camelCase(column)),
      counts: event.counts,
      payload: showRow(table, event.payload),
      actorId: event.actor_id && encodeTypeId("actor", event.actor_id),
      correlationId: event.correlation_id,
      requestId: event.request_id,
      createdAt: event.created_at.toISOString(),
      ...(rows && { rows: rows.map((row) => showRow(table, row)) }),
    },
  };
}

/** A row with the names and values of the API. */
function showRow(table: ApiTable | undefined, row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      const shown = table?.columns.get(column);
      return [shown?.name ?? camelCase(column), showValue(shown, value)];
    }),
  );
}

function showValue(shown: ApiColumn | undefined, value: unknown): unknown {
  if (typeof value !== "string" || shown === undefined) return value;
  if (shown.prefix) return encodeTypeId(shown.prefix, value);
  return shown.isEnum ? value.replace(/[^a-zA-Z0-9]+/g, "_").toUpperCase() : value;
}
