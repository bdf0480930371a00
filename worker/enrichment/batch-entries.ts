import type { PoolClient } from "pg";
import type { EntryField, EntryFields } from "../blocks/block.ts";
import { columnOf } from "./entry-columns.ts";
import type { Step } from "./enrich-entry.ts";

/** An entry as it was read. */
export interface ReadEntry {
  readonly id: string;
  /** Changes with every update of the row, whoever makes it. */
  readonly version: string;
  readonly enrichmentStatus: string;
  readonly fields: EntryFields;
}

/** Which entries a batch is about: those of a list between two ids, or those of them that an import brought or changed. */
export interface EntryRange {
  readonly listId: string;
  readonly listImportId: string | null;
  readonly firstEntryId: string;
  readonly lastEntryId: string;
}

/** Reads the living entries of a range, in order of their ids. */
export class EntryReader {
  readonly #client: PoolClient;
  readonly #fields: readonly EntryField[];
  readonly #columns: string;

  constructor(client: PoolClient, steps: readonly Step[]) {
    this.#client = client;
    this.#fields = [...new Set(steps.flatMap((step) => [...step.reads, ...step.writes]))];
    this.#columns = ["id", "xmin", "enrichment_status", ...this.#fields.map(columnOf)].map((c) => `e.${c}`).join(", ");
  }

  /** The next entries of the range, at most `limit`, after an id if one is given. */
  next(range: EntryRange, after: string | null, limit: number): Promise<ReadEntry[]> {
    return this.#read(range, after, range.lastEntryId, `limit ${limit}`);
  }

  /** The entries after an id up to another, held until the transaction ends; they are waited for in order of their ids. */
  hold(range: EntryRange, after: string | null, last: string): Promise<ReadEntry[]> {
    return this.#read(range, after, last, "for no key update of e");
  }

  async #read(range: EntryRange, after: string | null, last: string, tail: string): Promise<ReadEntry[]> {
    const { rows } = await this.#client.query<unknown[]>({
      text: `select ${this.#columns} from lists.list_entries e
        where e.list_id = $1 and e.id ${after === null ? ">=" : ">"} $2 and e.id <= $3 and e.deleted_at is null
          and ($4::uuid is null or e.list_import_id = $4 or exists (
            select from lists.list_import_rows r
            where r.list_entry_id = e.id and r.list_entry_id between $2 and $3
              and r.list_import_id = $4 and r.outcome in ('filled', 'overwritten')))
        order by e.id ${tail}`,
      values: [range.listId, after ?? range.firstEntryId, last, range.listImportId],
      rowMode: "array",
    });
    return rows.map(([id, version, enrichmentStatus, ...values]) => {
      const fields: Record<string, unknown> = {};
      for (let i = 0; i < values.length; i++) fields[this.#fields[i] as string] = values[i];
      return { id, version, enrichmentStatus, fields } as ReadEntry;
    });
  }
}
