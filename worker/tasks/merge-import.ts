import { defineTask, jobPayload } from "../define-task.ts";
import { cancelOnAbort } from "../imports/cancel-on-abort.ts";

/** A failed merge that somebody retries has its rows still. */
const startMerge = `
  update lists.list_imports set status = 'merging', error_code = null, error_message = null
  where id = $1 and (status in ('queued', 'merging')
    or status = 'failed' and uploaded_at is not null and to_regclass(lists.import_staging_name(id)) is not null)`;

/** Merges the staged rows of an import into its list. */
export const mergeImport = defineTask({
  name: "merge_import",
  payload: jobPayload,
  async run(ctx, { subjectId: importId }) {
    await ctx.inTenant((client) => client.query(startMerge, [importId]));
    await ctx.succeed(async (client) => {
      const { rows } = await cancelOnAbort(ctx, client, () =>
        client.query<{ status: string | null }>("select status from lists.merge_import($1)", [importId]),
      );
      const status = rows[0]?.status ?? "gone";
      if (status !== "completed") ctx.cancel(`The import is ${status}; there is nothing to merge.`);
    });
  },
  async settle(client, { subjectId: importId }, { status, code, message }) {
    // An attempt that is tried again is still a merge: "queued" would queue a second job.
    if (status === "retrying") return;
    await client.query(
      `update lists.list_imports set status = $2::text, error_code = $3, error_message = $4,
         cancelled_at = case when $2::text = 'cancelled' then now() end
       where id = $1 and status in ('queued', 'merging')`,
      [importId, status === "cancelled" ? "cancelled" : "failed", code, message],
    );
    if (status === "cancelled") await client.query(dropStaging, [importId]);
  },
});

/** Unless the import is done, or has gone its own way. */
const dropStaging = `select lists.drop_import_staging(id) from lists.list_imports where id = $1 and status = 'cancelled'`;
