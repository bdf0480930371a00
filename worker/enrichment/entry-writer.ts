import type { PoolClient } from "pg";
import type { EntryField } from "../blocks/block.ts";
import type { ReadEntry } from "./batch-entries.ts";
import type { Enrichment, Step } from "./enrich-entry.ts";
import { columnOf, typeOf } from "./entry-columns.ts";

/** An entry with what the steps made of it. */
export interface EnrichedEntry {
  readonly entry: ReadEntry;
  readonly enrichment: Enrichment;
}

/** Whether the entry's row has to be written at all. */
export function isChanged({ entry, enrichment }: EnrichedEntry): boolean {
  return entry.enrichmentStatus !== enrichment.status || Object.keys(enrichment.changes).length > 0;
}

/** Writes what the steps found: the changed entries in one statement, the outcomes of the steps in another. */
export class EntryWriter {
  readonly #client: PoolClient;
  readonly #queueJobId: string;
  readonly #writes: readonly EntryField[];
  readonly #update: string;
  /** For entries whose searched columns stay: if an update names one of these, all the words of an entry are found anew. */
  readonly #updateOthers: string;

  constructor(client: PoolClient, steps: readonly Step[], queueJobId: string) {
    this.#client = client;
    this.#queueJobId = queueJobId;
    this.#writes = [...new Set(steps.flatMap((step) => step.writes))];
    this.#update = updateStatement(this.#writes);
    this.#updateOthers = updateStatement(this.#writes.filter((field) => !isSearched(field)));
  }

  /** Updates the entries that nobody has changed since they were read; returns how many those were. */
  async update(entries: readonly EnrichedEntry[]): Promise<number> {
    const isFound = ({ enrichment }: EnrichedEntry) => Object.keys(enrichment.changes).some(isSearched);
    const found = await this.#write(this.#update, entries.filter(isFound));
    return (
      found +
      (await this.#write(
        this.#updateOthers,
        entries.filter((entry) => !isFound(entry)),
      ))
    );
  }

  async #write(statement: string, entries: readonly EnrichedEntry[]): Promise<number> {
    if (entries.length === 0) return 0;
    const values = entries.map(({ entry, enrichment }) => {
      const row: Record<string, unknown> = { id: entry.id, version: entry.version, status: enrichment.status };
      for (const field of this.#writes) {
        const value = enrichment.changes[field];
        const kept = value === undefined ? entry.fields[field] : value;
        if (kept !== null && kept !== undefined) row[columnOf(field)] = kept;
      }
      return row;
    });
    const { rowCount } = await this.#client.query(statement, [JSON.stringify(values)]);
    return rowCount ?? 0;
  }

  /** Keeps the outcome of every step for these entries, in place of the one before; fields keep their origin until they are written anew. */
  async record(entries: readonly EnrichedEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#client.query(recordStatement, [this.#queueJobId, ...outcomeColumns(entries)]);
  }
}

/** The columns that the search of entries looks at: see db/schema/lists/list_entries_search.sql. */
const searchedColumns = ["full_name", "email", "phone", "phone_e164", "company_name", "city", "tag"];

const isSearched = (field: string) => searchedColumns.includes(columnOf(field as EntryField));

function updateStatement(writes: readonly EntryField[]): string {
  const columns = writes.map((field) => [columnOf(field), typeOf(field)] as const);
  return `
    update lists.list_entries e
    set ${columns.map(([name]) => `${name} = v.${name}, `).join("")}enrichment_status = v.status, enriched_at = now()
    from json_to_recordset($1::json) v (
      id uuid, version xid, status text${columns.map(([name, type]) => `, ${name} ${type}`).join("")})
    where e.id = v.id and e.xmin = v.version`;
}

/**
 * The outcomes column by column, which PostgreSQL reads several times faster than an array of objects. Few entries have
 * an origin of their own, so each different one travels once, and the outcomes refer to it by its place.
 */
function outcomeColumns(entries: readonly EnrichedEntry[]): string[] {
  const ids: string[] = [];
  const blocks: string[] = [];
  const statuses: string[] = [];
  const found: unknown[] = [];
  const reasons: (string | null)[] = [];
  const places: number[] = [];
  const origins = new Map<string, number>();
  for (const { entry, enrichment } of entries) {
    for (const outcome of enrichment.outcomes) {
      const origin = JSON.stringify(outcome.provenance);
      let place = origins.get(origin);
      if (place === undefined) origins.set(origin, (place = origins.size + 1));
      ids.push(entry.id);
      blocks.push(outcome.block);
      statuses.push(outcome.status);
      found.push(outcome.found);
      reasons.push(outcome.reason ?? null);
      places.push(place);
    }
  }
  // Ids, numbers and names of blocks and statuses need no quotes in the text of an array.
  const array = (values: readonly (string | number)[]) => `{${values.join(",")}}`;
  return [
    array(ids),
    array(blocks),
    array(statuses),
    JSON.stringify(found),
    JSON.stringify(reasons),
    array(places),
    `[${[...origins.keys()].join(",")}]`,
  ];
}

const recordStatement = `
  insert into lists.enrichment_results as r (list_entry_id, block, enrichment_queue_job_id, status, found, provenance, reason)
  select v.entry, v.block, $1, v.status, v.found, o.provenance, v.reason
  from rows from (unnest($2::uuid[]), unnest($3::text[]), unnest($4::text[]), jsonb_array_elements($5::jsonb),
      jsonb_array_elements_text($6::jsonb), unnest($7::int[])) with ordinality
    v (entry, block, status, found, reason, place, n)
  join jsonb_array_elements($8::jsonb) with ordinality o (provenance, place) on o.place = v.place
  order by v.n
  on conflict (tenant_id, list_entry_id, block) do update
  set enrichment_queue_job_id = excluded.enrichment_queue_job_id, status = excluded.status, reason = excluded.reason,
    found = case when excluded.status = 'failed' then r.found else excluded.found end,
    provenance = r.provenance || excluded.provenance`;
