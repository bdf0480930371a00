import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../lib/config.ts";
import type { WorkerApp } from "../../worker/app.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "./database.ts";
import { startTestWorker, testConfig } from "./jobs.ts";
import { until } from "./until.ts";

/** A row of lists.export_jobs as tests look at it. */
export interface ExportRow {
  id: string;
  status: string;
  columns: string[];
  row_count: string;
  total_count: string | null;
  byte_count: string;
  error_code: string | null;
  error_message: string | null;
}

/** A row of lists.export_files as tests look at it. */
export interface ExportFileRow {
  id: string;
  tenant_id: string;
  export_job_id: string;
  file_name: string;
  storage_key: string;
  content_type: string;
  sha256: string;
  byte_count: string;
  row_count: string;
  download_count: number;
}

/** What an export is asked for. */
export interface ExportRequest {
  filter?: unknown;
  columns?: string[];
  format?: "csv" | "jsonl";
  isGzip?: boolean;
  tag?: string;
}

/** A database, a worker with the real tasks, and a folder for its files. */
export interface ExportHouse {
  readonly database: TestDatabase;
  readonly config: Config;
  readonly worker: WorkerApp;
  /** Starts an export as a member of the tenant. */
  start(tenantId: string, listId: string, request?: ExportRequest): Promise<ExportRow>;
  /** Starts an export and waits for its end, whatever it is. */
  run(tenantId: string, listId: string, request?: ExportRequest): Promise<ExportRow>;
  row(exportId: string): Promise<ExportRow>;
  file(exportId: string): Promise<ExportFileRow>;
  /** The bytes of an export's file, checked against its row. */
  content(exportId: string): Promise<Buffer>;
  /** Every file below the store. */
  stored(): Promise<string[]>;
  close(): Promise<void>;
}

/** Opens a house for one test file. */
export async function openExportHouse({ withWorker = true } = {}): Promise<ExportHouse> {
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "rowhouse-export-"));
  const config = testConfig(dataDir);
  const worker = withWorker ? await startTestWorker(database, { config }) : undefined;
  const root = join(dataDir, "files");

  const row = async (id: string) => {
    const { rows } = await database.admin.query<ExportRow>("select * from lists.export_jobs where id = $1", [id]);
    return rows[0]!;
  };
  const file = async (id: string) => {
    const { rows } = await database.admin.query<ExportFileRow>(
      "select * from lists.export_files where export_job_id = $1",
      [id],
    );
    if (rows.length !== 1) throw new Error(`Export ${id} has ${rows.length} files.`);
    return rows[0]!;
  };
  const start: ExportHouse["start"] = (tenantId, listId, request = {}) =>
    asTenant(
      database,
      { tenantId, role: "rowhouse_member" },
      async (client) => {
        const { filter = {}, columns, format = "csv", isGzip = false, tag } = request;
        const { rows } = await client.query<ExportRow>("select * from lists.start_export($1, $2, $3, $4, $5, $6)", [
          ...[listId, JSON.stringify(filter), columns, format, isGzip, tag],
        ]);
        return rows[0]!;
      },
      { commit: true },
    );
  return {
    database,
    config,
    get worker() {
      if (!worker) throw new Error("This house has no worker.");
      return worker;
    },
    start,
    async run(tenantId, listId, request) {
      const { id } = await start(tenantId, listId, request);
      return untilExport({ row }, id, "succeeded", "failed", "cancelled");
    },
    row,
    file,
    async content(id) {
      const facts = await file(id);
      const bytes = await readFile(join(root, facts.storage_key));
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      if (sha256 !== facts.sha256 || bytes.length !== Number(facts.byte_count))
        throw new Error("not the file of its row");
      return bytes;
    },
    stored: async () =>
      (await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
    async close() {
      await worker?.stop();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Waits until an export has one of these statuses. */
export function untilExport(
  house: Pick<ExportHouse, "row">,
  exportId: string,
  ...statuses: string[]
): Promise<ExportRow> {
  return until(`export ${exportId} is ${statuses.join(" or ")}`, async () => {
    const found = await house.row(exportId);
    return statuses.includes(found.status) && found;
  });
}
