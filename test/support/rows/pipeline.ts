import { randomBytes } from "node:crypto";
import type { SpecialValues } from "./special-values.ts";

export const pipelineValues: SpecialValues = {
  "pipeline.artifacts.artifact_type": () => "csv_import",
  "pipeline.artifacts.checksum": () => randomBytes(32).toString("hex"),
  "pipeline.artifacts.inline_data": () => ({ some: "data" }),
  "pipeline.automations.actions": () => JSON.stringify([{ verb: "createTask", arguments: { title: "x" } }]),
  "pipeline.automation_runs.due_at": () => new Date(),
  "pipeline.webhook_sources.provider": () => "twilio",
};
