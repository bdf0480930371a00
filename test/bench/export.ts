import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { to as copyTo } from "pg-copy-streams";
import { parseTypeId } from "../../lib/type-id.ts";
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

/** Export of a list to CSV, with its guard against formulas, against a raw COPY of the same columns to nowhere. */
export async function benchExport(stack: BenchStack, listId: string, rows: number): Promise<Figure[]> {
  const uuid = parseTypeId(listId)!.uuid;
  const query = `select ${COLUMNS.join(", ")} from lists.list_entries
    where tenant_id = '${stack.tenantId}' and list_id = '${uuid}' and deleted_at is null order by id`;
  const raw = await rawCopy(stack, query);
  const before = residentMemory(stack.workerPid);
  resetPeakMemory(stack.workerPid);
  const ours = await timed(() => exportList(stack, listId, COLUMNS));
  const peak = peakMemory(stack.workerPid);
  const again = await rawCopy(stack, query);
  const rawSeconds = (raw.seconds + again.seconds) / 2;
  const ratio = rawSeconds / ours.seconds;
  return [
    {
      what: `export of ${count(rows)} rows to CSV (${count(ours.result / 2 ** 20)} MiB, to disk, with SHA-256)`,
      measured: `${count(rows / ours.seconds)} rows/s`,
      comparedWith: `raw COPY TO STDOUT, thrown away: ${count(rows / rawSeconds)} rows/s`,
      ratio: ratio.toFixed(2),
      goal: "at least 0.50",
      isMet: ratio >= 0.5,
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

async function rawCopy({ admin }: BenchStack, query: string): Promise<{ seconds: number }> {
  return timed(() =>
    pipeline(
      admin.query(copyTo(`copy (${query}) to stdout with (format csv, header)`)),
      new Writable({ write: (_chunk, _encoding, done) => done() }),
    ),
  );
}
