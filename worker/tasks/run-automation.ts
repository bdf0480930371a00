import { defineTask, jobPayload } from "../define-task.ts";

/** Does what a firing of an automation is to do: its actions and their success are one transaction. */
export const runAutomation = defineTask({
  name: "run_automation",
  payload: jobPayload,
  async run(ctx, { subjectId }) {
    await ctx.inTenant((client) =>
      client.query(
        `update pipeline.automation_runs set status = 'running', started_at = now(), attempt_count = attempt_count + 1
         where id = $1 and status in ('queued', 'running')`,
        [subjectId],
      ),
    );
    await ctx.succeed((client) => client.query("select pipeline.run_automation($1)", [subjectId]));
  },
  async settle(client, { subjectId }, { status, code, message }) {
    if (status === "retrying") return;
    await client.query("select pipeline.end_automation_run($1, $2, $3)", [
      subjectId,
      code ?? "CANCELLED",
      message ?? "Somebody cancelled its job.",
    ]);
  },
});
