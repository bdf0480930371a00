import { createReadStream, statSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { from as copyFrom } from "pg-copy-streams";
import { parseTypeId } from "../../lib/type-id.ts";
import { createList, importFile } from "./api.ts";
import { count, type Figure, timed } from "./measure.ts";
import { peakMemory, residentMemory, resetPeakMemory, type BenchStack } from "./stack.ts";
import { SYNTHETIC_HEADER, writeSyntheticFile } from "./synthetic-file.ts";

/** Import of a file against a raw COPY of the same file into an identical table with the same indexes. */
export async function benchImport(stack: BenchStack, rows: number): Promise<{ figures: Figure[]; listId: string }> {
  const { admin } = stack;
  const path = join(stack.folder, "people.csv");
  await writeSyntheticFile(path, rows);

  const listId = await createList(stack, `people ${rows}`);
  const identical = await rawCopy(stack, path, parseTypeId(listId)!.uuid, true);
  const bare = await rawCopy(stack, path, parseTypeId(listId)!.uuid, false);

  const before = residentMemory(stack.serverPid);
  resetPeakMemory(stack.serverPid);
  resetPeakMemory(stack.workerPid);
  const ours = await timed(() => importFile(stack, listId, path, "SKIP"));
  const peak = peakMemory(stack.serverPid);
  await admin.query("vacuum (analyze) lists.list_entries");

  const ratio = identical.seconds / ours.seconds;
  const growth = peak - before;
  const fileMiB = Math.round(statSync(path).size / 2 ** 20);
  return {
    listId,
    figures: [
      {
        what: `import of ${count(rows)} rows, duplicates skipped`,
        measured: `${count(rows / ours.seconds)} rows/s`,
        comparedWith: `raw COPY into an identical table: ${count(rows / identical.seconds)} rows/s`,
        ratio: ratio.toFixed(2),
        goal: "at least 0.50",
        isMet: ratio >= 0.5,
      },
      {
        what: "the same import",
        measured: `${count(rows / ours.seconds)} rows/s`,
        comparedWith: `raw COPY into that table without its foreign keys: ${count(rows / bare.seconds)} rows/s`,
        ratio: (bare.seconds / ours.seconds).toFixed(2),
        goal: "for information",
        isMet: true,
      },
      {
        what: `server memory during that import of a ${fileMiB} MiB file`,
        measured: `peak ${peak} MiB`,
        comparedWith: `${before} MiB before`,
        ratio: `+${growth} MiB`,
        goal: "flat (below +256 MiB)",
        isMet: growth < 256,
      },
    ],
  };
}

/** COPY of the file into a table like list_entries: the same columns, defaults, checks and indexes, with or without its foreign keys. */
async function rawCopy(
  { admin, tenantId }: BenchStack,
  path: string,
  listId: string,
  hasForeignKeys: boolean,
): Promise<{ seconds: number }> {
  await admin.query("create schema if not exists bench");
  await admin.query("create table bench.raw (like lists.list_entries including all)");
  await admin.query(
    `alter table bench.raw alter tenant_id set default '${tenantId}', alter list_id set default '${listId}'`,
  );
  // Every row belongs to an import, as ours do.
  const { rows } = await admin.query<{ id: string }>(
    "insert into lists.list_imports (tenant_id, list_id, status) values ($1, $2, 'cancelled') returning id",
    [tenantId, listId],
  );
  await admin.query(`alter table bench.raw alter list_import_id set default '${rows[0]!.id}'`);
  if (hasForeignKeys) {
    await admin.query(
      `alter table bench.raw add foreign key (tenant_id, list_id) references lists.lists (tenant_id, id),
        add foreign key (tenant_id, list_import_id) references lists.list_imports (tenant_id, id)`,
    );
  }
  await admin.query("checkpoint");
  // The phone goes where its index is.
  const columns = SYNTHETIC_HEADER.map((name) => (name === "phone" ? "phone_e164" : name)).join(", ");
  const copied = await timed(() =>
    pipeline(
      createReadStream(path, { highWaterMark: 1 << 18 }),
      admin.query(copyFrom(`copy bench.raw (${columns}) from stdin with (format csv, header)`)),
    ),
  );
  await admin.query("drop table bench.raw");
  await admin.query("checkpoint");
  return copied;
}
