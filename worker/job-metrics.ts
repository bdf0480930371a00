import { Counter, Histogram, type Registry } from "prom-client";

/** Counts and times jobs by task and outcome. */
export interface JobMetrics {
  /** Runs a job that returns its outcome; an error counts as `failed` and is thrown on. */
  timed(task: string, work: () => Promise<string>): Promise<string>;
}

/** Registers the job metrics of a worker process. */
export function createJobMetrics(registry: Registry): JobMetrics {
  const ended = new Counter({
    name: "rowhouse_jobs_total",
    help: "Attempts at jobs by how they ended.",
    labelNames: ["task", "outcome"],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: "rowhouse_job_seconds",
    help: "How long attempts at jobs took.",
    labelNames: ["task"],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800],
    registers: [registry],
  });
  return {
    async timed(task, work) {
      const stop = seconds.startTimer({ task });
      let outcome = "failed";
      try {
        return (outcome = await work());
      } finally {
        stop();
        ended.inc({ task, outcome });
      }
    },
  };
}
