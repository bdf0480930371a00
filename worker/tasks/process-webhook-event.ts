import { defineTask, jobPayload } from "../define-task.ts";

const failedSql = `insert into pipeline.webhook_event_outcomes (webhook_event_id, outcome, error_code, error_message) values ($1, 'failed', $2, $3)`;

/** Starts what waits for a webhook that came in, and notes what became of it: both happen, or neither. */
export const processWebhookEvent = defineTask({
  name: "process_webhook_event",
  payload: jobPayload,
  run: (ctx, { subjectId }) =>
    ctx.succeed(async (client) => void (await client.query("select pipeline.process_webhook_event($1)", [subjectId]))),
  async settle(client, { subjectId }, { status, code, message }) {
    if (status === "dead") await client.query(failedSql, [subjectId, code, message]);
  },
});
