import { Presets, SingleBar } from "cli-progress";
import type { OnDemoProgress } from "./demo-list.ts";

const STEPS = ["import", "enrichment", "export"] as const;

/** Shows how far the demo is: a bar on a terminal, a line a step elsewhere. */
export function createDemoBar(stream: NodeJS.WriteStream = process.stderr): {
  update: OnDemoProgress;
  stop: () => void;
} {
  if (!stream.isTTY) {
    let told = "";
    const update: OnDemoProgress = (step) => {
      if (step !== told) stream.write(`Demo list: ${step} …\n`);
      told = step;
    };
    return { update, stop: () => undefined };
  }
  const bar = new SingleBar(
    { stream, format: "  Demo list  {bar} {percentage} %  {step}", hideCursor: true },
    Presets.shades_classic,
  );
  bar.start(STEPS.length, 0, { step: STEPS[0] });
  return {
    update: (step, fraction) => bar.update(STEPS.indexOf(step) + fraction, { step }),
    stop: () => bar.stop(),
  };
}
