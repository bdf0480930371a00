import { enrichBatch } from "./enrich-batch.ts";
import { exportList } from "./export-list.ts";
import { removeExpiredExports } from "./remove-expired-exports.ts";

/** Every task, one line each; the file name is the identifier, with dashes for underscores. */
// prettier-ignore
export const tasks = [
  enrichBatch,
  exportList,
  removeExpiredExports,
] as const;

/** The identifiers of all tasks. */
export type TaskName = (typeof tasks)[number]["name"];
