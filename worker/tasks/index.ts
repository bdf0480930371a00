import { cancelAbandonedImports } from "./cancel-abandoned-imports.ts";
import { enrichBatch } from "./enrich-batch.ts";
import { exportList } from "./export-list.ts";
import { fireDueAutomations } from "./fire-due-automations.ts";
import { forgetAutomationRuns } from "./forget-automation-runs.ts";
import { forgetIdempotencyKeys } from "./forget-idempotency-keys.ts";
import { forgetWebhookDeliveries } from "./forget-webhook-deliveries.ts";
import { judgeWebhookEvents } from "./judge-webhook-events.ts";
import { keepPartitions } from "./keep-partitions.ts";
import { mergeImport } from "./merge-import.ts";
import { processWebhookEvent } from "./process-webhook-event.ts";
import { removeExpiredExports } from "./remove-expired-exports.ts";
import { replayWebhookEvents } from "./replay-webhook-events.ts";
import { runAutomation } from "./run-automation.ts";
import { runPipeline } from "./run-pipeline.ts";
import { sendMail } from "./send-mail.ts";
import { undoImport } from "./undo-import.ts";

/** Every task, one line each; the file name is the identifier, with dashes for underscores. */
// prettier-ignore
export const tasks = [
  cancelAbandonedImports,
  enrichBatch,
  exportList,
  fireDueAutomations,
  forgetAutomationRuns,
  forgetIdempotencyKeys,
  forgetWebhookDeliveries,
  judgeWebhookEvents,
  keepPartitions,
  mergeImport,
  processWebhookEvent,
  removeExpiredExports,
  replayWebhookEvents,
  runAutomation,
  runPipeline,
  sendMail,
  undoImport,
] as const;

/** The identifiers of all tasks. */
export type TaskName = (typeof tasks)[number]["name"];
