import { join } from "node:path";
import type { Config } from "./config.ts";
import { createDiskStore, type FileStore } from "./file-store.ts";

/** The store that holds the files of tenants. */
export function createTenantStore(config: Pick<Config, "dataDir">): FileStore {
  return createDiskStore(join(config.dataDir, "files"));
}

/** The beginning of the keys of everything an export writes. */
export function exportFolder(tenantId: string, exportId: string): string {
  return `${tenantId}/exports/${exportId}`;
}

/** How a file of an export is called, and what it holds. */
export interface ExportFileName {
  readonly fileName: string;
  readonly contentType: string;
  /** Without a leading dot. */
  readonly extension: string;
}

const contentTypes = { csv: "text/csv; charset=utf-8", jsonl: "application/x-ndjson" };
/** What some file system or header does not take in a name. */
const unsafe = /[\u0000-\u001f\u007f-\u009f"*/:<>?\\|\s]+/g;

/** Names the file of an export after its list and the day, such as `Members 2026-01-31.csv.gz`. */
export function nameExportFile(
  listName: string,
  format: "csv" | "jsonl",
  isGzip: boolean,
  day: Date = new Date(),
): ExportFileName {
  const extension = isGzip ? `${format}.gz` : format;
  const stem = [
    ...listName
      .toWellFormed()
      .replace(unsafe, " ")
      .replace(/^[. ]+/, ""),
  ]
    .slice(0, 100)
    .join("")
    .trim();
  return {
    fileName: `${`${stem} ${day.toISOString().slice(0, 10)}`.trim()}.${extension}`,
    contentType: isGzip ? "application/gzip" : contentTypes[format],
    extension,
  };
}
