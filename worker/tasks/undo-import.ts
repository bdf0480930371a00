import { defineTask, jobPayload } from "../define-task.ts";
import { cancelOnAbort } from "../imports/cancel-on-abort.ts";

/** Takes back a completed import. */
export const undoImport = defineTask({
  name: "undo_import",
  payload: jobPayload,
  async run(ctx, { subjectId: importId }) {
    await ctx.succeed(async (client) => {
      const { rows } = await cancelOnAbort(ctx, client, () =>
        client.query<{ status: string | null }>("select status from lists.revert_import($1)", [importId]),
      );
      const status = rows[0]?.status ?? "gone";
      // A job that had failed for good and is retried finds its import completed again.
      if (status !== "undone") ctx.dead("INVALID_STATE", `The import is ${status}. Undo it once more by undoImport.`);
    });
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
