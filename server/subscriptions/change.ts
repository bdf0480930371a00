import { z } from "zod";
import type { Log } from "../../lib/log.ts";

/** The channel that `ddl.notify_progress` writes to. */
export const progressChannel = "rowhouse_progress";

/** One notification: which rows of a tenant's table changed; without ids, any of them may have. */
export interface Change {
  readonly tenant: string;
  readonly table: string;
  readonly ids?: readonly string[] | undefined;
}

const changeSchema = z.object({ tenant: z.string(), table: z.string(), ids: z.array(z.string()).nullish() });

/** What is done with a notification of the channel: publishes the change that it tells. */
export function hearChange(publish: (change: Change) => void, log: Log): (payload: string) => void {
  return (payload) => {
    const parsed = changeSchema.safeParse(jsonOf(payload));
    if (parsed.success) publish({ ...parsed.data, ids: parsed.data.ids ?? undefined });
    else log.error({ channel: progressChannel }, "a notification is not a change; passing it over");
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
