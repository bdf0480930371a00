import { createReadStream, statSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { from as copyFrom } from "pg-copy-streams";
import { createList, importFile } from "./api.ts";
import { count, type Figure, timed } from "./measure.ts";
import { peakMemory, residentMemory, resetPeakMemory, type BenchStack } from "./stack.ts";
import { SYNTHETIC_HEADER, writeSyntheticFile } from "./synthetic-file.ts";

/** Import of a file against a raw COPY of the same file into an identical table with the same indexes. */
export async function benchImport(stack: BenchStack, rows: number): Promise<{ figures: Figure[]; listId: string }> {
  const { admin } = stack;
  const path = join(stack.folder, "people.csv");
  await writeSyntheticFile(path, rows);

  // The same columns, defaults, checks and indexes; the phone goes where its index is.
  await admin.query("create schema if not exists bench");
  await admin.query("create table bench.raw (like lists.list_entries including all)");
  await admin.query(
    `alter table bench.raw alter tenant_id set default '${stack.tenantId}', alter list_id set default '${stack.tenantId}'`,
  );
  const columns = SYNTHETIC_HEADER.map((name) => (name === "phone" ? "phone_e164" : name)).join(", ");
  await admin.query("checkpoint");
  const raw = await timed(() =>
    pipeline(
      createReadStream(path, { highWaterMark: 1 << 18 }),
      admin.query(copyFrom(`copy bench.raw (${columns}) from stdin with (format csv, header)`)),
    ),
  );
  await admin.query("drop table bench.raw");
  await admin.query("checkpoint");

  const listId = await createList(stack, `people ${rows}`);
  const before = residentMemory(stack.serverPid);
  resetPeakMemory(stack.serverPid);
  resetPeakMemory(stack.workerPid);
  const ours = await timed(() => importFile(stack, listId, path, "SKIP"));
  const peak = peakMemory(stack.serverPid);
  await admin.query("vacuum (analyze) lists.list_entries");

  const ratio = raw.seconds / ours.seconds;
  const growth = peak - before;
  const fileMiB = Math.round(statSync(path).size / 2 ** 20);
  return {
    listId,
    figures: [
      {
        what: `import of ${count(rows)} rows, duplicates skipped`,
        measured: `${count(rows / ours.seconds)} rows/s`,
        comparedWith: `raw COPY: ${count(rows / raw.seconds)} rows/s`,
        ratio: ratio.toFixed(2),
        goal: "at least 0.50",
        isMet: ratio >= 0.5,
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
