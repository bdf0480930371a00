import { performance } from "node:perf_hooks";

/** One line of the report: what was compared, the two figures, their ratio, and what was asked for. */
export interface Figure {
  readonly what: string;
  readonly measured: string;
  readonly comparedWith: string;
  readonly ratio: string;
  readonly goal: string;
  readonly isMet: boolean;
}

/** Runs something and gives its result and how long it took, in seconds. */
export async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const start = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - start) / 1000 };
}

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** A whole number with separators for its thousands. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** The report as a Markdown table. */
export function figuresTable(figures: readonly Figure[]): string {
  const rows = figures.map(
    (f) => `| ${f.what} | ${f.measured} | ${f.comparedWith} | ${f.ratio} | ${f.goal} | ${f.isMet ? "yes" : "**no**"} |`,
  );
  return [
    "| what | measured | compared with | ratio | goal | met |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}
