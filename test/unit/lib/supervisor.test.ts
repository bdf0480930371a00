import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { childEnvironment } from "../../../lib/config.ts";
import { createLog } from "../../../lib/log.ts";
import { supervise, type Supervised } from "../../../lib/supervisor.ts";

let folder: string;
let lines: string[];
let running: Supervised | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rowhouse-supervisor-"));
  lines = [];
});

afterEach(async () => {
  await running?.stop(1_000);
  rmSync(folder, { recursive: true });
});

function start(code: string): Supervised {
  const script = join(folder, "script.mjs");
  writeFileSync(script, code);
  const log = createLog({ logLevel: "info" }, "test", { write: (line: string) => void lines.push(line) });
  running = supervise({ name: "worker", script, env: childEnvironment({}), log, backoffMs: 20, backoffMaxMs: 40 });
  return running;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const ready = `process.send({ type: "ready", port: 1234 });`;
const stay = `setInterval(() => undefined, 60_000);`;

test("what the process says when it is ready is handed on", async () => {
  expect(await start(`${ready} ${stay}`).ready).toEqual({ type: "ready", port: 1234 });
});

test("a process that ends before it is ready is not started again", async () => {
  await expect(start("process.exit(3)").ready).rejects.toThrow(/worker ended before it was ready/);
  expect(running!.pid).toBeUndefined();
});

test("a process that ends afterwards is started again, each time, and every end is logged", async () => {
  const supervised = start(`${ready} ${stay}`);
  await supervised.ready;
  for (const ends of [1, 2]) {
    const before = supervised.pid!;
    process.kill(before, "SIGKILL");
    await until(() => lines.filter((line) => line.includes("running again")).length === ends);
    expect(supervised.pid).not.toBe(before);
  }
  expect(lines.filter((line) => line.includes('"signal":"SIGKILL"'))).toHaveLength(2);
});

test("stop waits for the process to drain and starts nothing again", async () => {
  const supervised = start(`${ready} ${stay} process.on("SIGTERM", () => setTimeout(() => process.exit(0), 100));`);
  await supervised.ready;
  const pid = supervised.pid!;
  await supervised.stop();
  expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  expect(lines.join("")).not.toContain("ended; starting it again");
});

test("a process that does not drain in time is killed", async () => {
  const supervised = start(`${stay} process.on("SIGTERM", () => undefined); ${ready}`);
  await supervised.ready;
  const pid = supervised.pid!;
  await supervised.stop(100);
  expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  expect(lines.join("")).toContain("did not end in time; killing it");
});
