import { hostname } from "node:os";
import type { Pool } from "pg";
import type { Log } from "../lib/log.ts";

/** Times in milliseconds; the defaults bring a dead worker's jobs back within a minute. */
export interface HeartbeatTimes {
  /** Between two signs of life. */
  readonly beatMs: number;
  /** A worker that gave no sign for this long is dead. */
  readonly silentMs: number;
  /** Between two looks for dead workers. */
  readonly sweepMs: number;
}

/** Signs of life every 5 s, dead after 30 s, looked for every 15 s. */
export const heartbeatTimes: HeartbeatTimes = { beatMs: 5_000, silentMs: 30_000, sweepMs: 15_000 };

/** A worker's sign of life. */
export interface Heartbeat {
  /** Ends it and tells the others that this worker is gone. */
  stop(): Promise<void>;
}

const beat = `
  insert into private.worker_heartbeats (worker_id, host, process_id) values ($1, $2, $3)
  on conflict (worker_id) do update set beat_at = now()
  returning xmax = 0 as is_new`;

/**
 * Gives signs of life for a worker, and frees the jobs of workers that have stopped giving theirs. Resolves after the
 * first sign; what fails later is logged and tried again.
 */
export async function startHeartbeat(
  pool: Pool,
  log: Log,
  workerId: string,
  { beatMs, silentMs, sweepMs }: HeartbeatTimes = heartbeatTimes,
): Promise<Heartbeat> {
  let isFirst = true;
  const giveSign = async () => {
    const { rows } = await pool.query<{ is_new: boolean }>(beat, [workerId, hostname(), process.pid]);
    if (rows[0]?.is_new && !isFirst) log.warn("this worker was thought dead; its jobs may run elsewhere");
    isFirst = false;
  };
  const sweep = async () => {
    const { rows } = await pool.query<{ freed: string[] }>(
      "select private.release_lost_jobs($1 * interval '1 millisecond') as freed",
      [silentMs],
    );
    const freed = rows[0]?.freed ?? [];
    if (freed.length > 0) log.warn({ deadWorkers: freed }, "freed the jobs of workers that died");
  };
  const repeat = (work: () => Promise<void>, ms: number, name: string) => {
    let running: Promise<void> = Promise.resolve();
    let stopped = false;
    let timer: NodeJS.Timeout;
    const next = () => {
      if (!stopped) timer = setTimeout(() => void (running = turn()), ms);
    };
    const turn = () =>
      work()
        .catch((error) => log.error({ err: error }, `could not ${name}`))
        .then(next);
    next();
    return async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    };
  };

  await giveSign();
  const stops = [repeat(giveSign, beatMs, "give a sign of life"), repeat(sweep, sweepMs, "look for dead workers")];
  return {
    async stop() {
      await Promise.all(stops.map((stop) => stop()));
      await pool.query("delete from private.worker_heartbeats where worker_id = $1", [workerId]);
    },
  };
}
