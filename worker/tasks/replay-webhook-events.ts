import { defineTask, jobPayload } from "../define-task.ts";
import type { FeedEvent } from "../feed/define-consumer.ts";
import type { JobContext } from "../job-context.ts";
import { replayTo } from "../webhooks/fan-out.ts";

interface Replay {
  readonly status: string;
  readonly webhook_subscription_id: string;
}

const batchSize = 500;

const start = `
  update events.webhook_replays set status = 'running', error_code = null, error_message = null
  where id = $1 and status in ('queued', 'failed')`;
const read = "select status, webhook_subscription_id from events.webhook_replays where id = $1";
const page = `
  select e.*, events.cursor_of(e.position) as cursor from events.webhook_replays r
  join events.webhook_subscriptions s on s.tenant_id = r.tenant_id and s.id = r.webhook_subscription_id and s.deleted_at is null
  join events.events e on e.tenant_id = r.tenant_id and e.position > r.after_position and e.position <= r.last_position
  where r.id = $1 and (r.since is null or e.created_at >= r.since) and (r.until is null or e.created_at < r.until)
    and events.matches_types(e.type, s.types)
  order by e.position limit ${batchSize}`;
const move = "update events.webhook_replays set after_position = $2, event_count = event_count + $3 where id = $1";
const finish =
  "update events.webhook_replays set status = 'succeeded', finished_at = now() where id = $1 and status = 'running'";

/** Makes the deliveries of a replay, a page of the feed at a time; an attempt that was killed goes on from its last page. */
export const replayWebhookEvents = defineTask({
  name: "replay_webhook_events",
  payload: jobPayload,
  async run(ctx, { subjectId }) {
    await ctx.inTenant((client) => client.query(start, [subjectId]));
    while (await replayPage(ctx, subjectId)) await ctx.checkCancelled();
    await ctx.succeed((client) => client.query(finish, [subjectId]));
  },
  async settle(client, { subjectId }, { status, code, message }) {
    if (status === "retrying") return;
    await client.query(
      `update events.webhook_replays set status = 'failed', error_code = $2, error_message = $3, finished_at = now()
       where id = $1 and status in ('queued', 'running')`,
      [subjectId, code ?? "CANCELLED", message],
    );
  },
});

/** Whether another page may follow. */
async function replayPage(ctx: JobContext, replayId: string): Promise<boolean> {
  return ctx.inTenant(async (client) => {
    const replay = (await client.query<Replay>(read, [replayId])).rows[0];
    if (replay?.status !== "running") return false;
    const { rows: events } = await client.query<FeedEvent>(page, [replayId]);
    const last = events.at(-1);
    if (last === undefined) return false;
    const count = await replayTo(client, replay.webhook_subscription_id, events);
    await client.query(move, [replayId, last.position, count]);
    return events.length === batchSize;
  });
}
