import { defineTask, jobPayload } from "../define-task.ts";

/** Merges the staged rows of an import into its list. */
export const mergeImport = defineTask({
  name: "merge_import",
  payload: jobPayload,
  async run(ctx, { subjectId: importId }) {
    await ctx.inTenant((client) =>
      client.query(
        // A failed merge that somebody retries has its rows still.
        `update lists.list_imports set status = 'merging', error_code = null, error_message = null
         where id = $1 and (status = 'queued' or status = 'failed' and to_regclass(lists.import_staging_name(id)) is not null)`,
        [importId],
      ),
    );
    await ctx.succeed((client) => client.query("select lists.merge_import($1)", [importId]));
  },
  async settle(client, { subjectId: importId }, { status, code, message }) {
    const next = { cancelled: "cancelled", dead: "failed", retrying: "queued" }[status];
    await client.query(
      `update lists.list_imports set status = $2::text, error_code = $3, error_message = $4
       where id = $1 and status in ('queued', 'merging')`,
      [importId, next, code, message],
    );
    if (status === "cancelled") await client.query("select lists.drop_import_staging($1)", [importId]);
  },
});
