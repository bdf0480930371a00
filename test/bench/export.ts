import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import { beginAsSystem } from "../../lib/tenant-transaction.ts";
import { parseTypeId } from "../../lib/type-id.ts";
import { exportCopy } from "../../worker/exports/export-query.ts";
import { exportList } from "./api.ts";
import { count, type Figure, timed } from "./measure.ts";
import { peakMemory, residentMemory, resetPeakMemory, type BenchStack } from "./stack.ts";

const COLUMNS = [
  "full_name",
  "first_name",
  "last_name",
  "company_name",
  "email",
  "phone_e164",
  "address_line1",
  "city",
  "state",
  "postal_code",
];

/** Export of a list to CSV against a raw COPY of the same query to nowhere, and of the bare columns without the guard. */
export async function benchExport(stack: BenchStack, listId: string, rows: number): Promise<Figure[]> {
  const uuid = parseTypeId(listId)!.uuid;
  const same = exportCopy({ listId: uuid, filter: {}, columns: COLUMNS, format: "csv", tag: null });
  const bare = `copy (select ${COLUMNS.join(", ")} from lists.list_entries e
    where e.list_id = '${uuid}' and e.deleted_at is null order by e.id) to stdout with (format csv)`;
  await rawCopy(stack, same);
  const sameSeconds = [(await rawCopy(stack, same)).seconds];
  const bareSeconds = [(await rawCopy(stack, bare)).seconds];
  const before = residentMemory(stack.workerPid);
  resetPeakMemory(stack.workerPid);
  const ours = await timed(() => exportList(stack, listId, COLUMNS));
  const peak = peakMemory(stack.workerPid);
  sameSeconds.push((await rawCopy(stack, same)).seconds);
  bareSeconds.push((await rawCopy(stack, bare)).seconds);
  const [sameMean, bareMean] = [mean(sameSeconds), mean(bareSeconds)];
  const ratio = sameMean / ours.seconds;
  return [
    {
      what: `export of ${count(rows)} rows to CSV (${count(ours.result / 2 ** 20)} MiB, to disk, with SHA-256)`,
      measured: `${count(rows / ours.seconds)} rows/s`,
      comparedWith: `raw COPY of the same query, thrown away: ${count(rows / sameMean)} rows/s`,
      ratio: ratio.toFixed(2),
      goal: "at least 0.50",
      isMet: ratio >= 0.5,
    },
    {
      what: "the same export",
      measured: `${count(rows / ours.seconds)} rows/s`,
      comparedWith: `raw COPY without the guard against formulas: ${count(rows / bareMean)} rows/s`,
      ratio: (bareMean / ours.seconds).toFixed(2),
      goal: "for information",
      isMet: true,
    },
    {
      what: "worker memory during that export",
      measured: `peak ${peak} MiB`,
      comparedWith: `${before} MiB before`,
      ratio: `+${peak - before} MiB`,
      goal: "flat (below +128 MiB)",
      isMet: peak - before < 128,
    },
  ];
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

/** Runs a COPY as the worker does: as rowhouse_system, behind row-level security. */
async function rawCopy({ serverUrl, tenantId }: BenchStack, statement: string): Promise<{ seconds: number }> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(beginAsSystem({ tenantId }));
    return await timed(() =>
      pipeline(client.query(copyTo(statement)), new Writable({ write: (_chunk, _encoding, done) => done() })),
    );
  } finally {
    await client.end();
  }
}
