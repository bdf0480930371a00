import { defineTask, jobPayload } from "../define-task.ts";

/** Takes back a completed import. */
export const undoImport = defineTask({
  name: "undo_import",
  payload: jobPayload,
  async run(ctx, { subjectId: importId }) {
    await ctx.succeed((client) => client.query("select lists.revert_import($1)", [importId]));
  },
  async settle(client, { subjectId: importId }, { status, code, message }) {
    if (status === "retrying") return;
    await client.query(
      `update lists.list_imports set status = 'completed', error_code = $2, error_message = $3
       where id = $1 and status = 'undoing'`,
      [importId, code, message],
    );
  },
});
