import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { projectDir } from "../../../lib/config.ts";
import { spawned, type Spawned } from "../../support/spawned.ts";

const lib = (file: string) => pathToFileURL(join(projectDir, "lib", file)).href;

let programs: Spawned[];

beforeEach(() => {
  programs = [];
});

afterEach(async () => {
  for (const program of programs) await program.end("SIGKILL");
});

/** Runs a program that has a lifecycle and stays up. */
function run(body: string, options = ""): Spawned {
  const code = `
    import { setTimeout as sleep } from "node:timers/promises";
    import { createLog } from "${lib("log.ts")}";
    import { createLifecycle } from "${lib("lifecycle.ts")}";
    const lifecycle = createLifecycle({ log: createLog({ logLevel: "info" }, "program"), ${options} });
    setInterval(() => undefined, 60_000);
    ${body}
    console.log("up");`;
  const program = spawned(process.execPath, ["--input-type=module-typescript", "-e", code]);
  programs.push(program);
  return program;
}

test("SIGTERM closes what was opened last first, and the exit code is 0", async () => {
  const program = run(`
    lifecycle.onClose("pool", () => console.log("pool closed"));
    lifecycle.onClose("server", async () => { await sleep(20); console.log("server closed"); });`);
  await program.until(/up/);
  expect(await program.end("SIGTERM")).toBe(0);
  expect(program.output()).toMatch(/server closed.*pool closed/s);
});

test("a closer that fails is logged, and the others still run", async () => {
  const program = run(`
    lifecycle.onClose("pool", () => console.log("pool closed"));
    lifecycle.onClose("server", () => { throw new Error("stuck door"); });`);
  await program.until(/up/);
  expect(await program.end("SIGINT")).toBe(1);
  expect(program.output()).toMatch(/stuck door.*pool closed/s);
});

test("a closer that hangs is given up after the deadline, and the log names it", async () => {
  const program = run(`lifecycle.onClose("server", () => new Promise(() => undefined));`, "deadlineMs: 200");
  await program.until(/up/);
  expect(await program.end("SIGTERM")).toBe(1);
  expect(program.output()).toMatch(/"waitingFor":"server".*shutdown took too long/);
});

test("the echo of a signal, which npm hands on, does not hurry the shutdown", async () => {
  const program = run(
    `
    lifecycle.onClose("server", async () => { console.log("closing"); await sleep(600); console.log("closed"); });`,
    "hurryMs: 100",
  );
  await program.until(/up/);
  program.child.kill("SIGINT");
  await program.until(/closing/);
  expect(await program.end("SIGINT")).toBe(0);
  expect(program.output()).toMatch(/closed/);
});

test("a second signal hurries", async () => {
  const program = run(
    `lifecycle.onClose("server", () => new Promise(() => undefined));`,
    "deadlineMs: 60_000, hurryMs: 100",
  );
  await program.until(/up/);
  program.child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(await program.end("SIGINT")).toBe(1);
  expect(program.output()).toMatch(/asked to stop again; hurrying/);
});

test("a child drains when the parent that started it is killed", async () => {
  const child = `
    import { createLog } from "${lib("log.ts")}";
    import { createLifecycle } from "${lib("lifecycle.ts")}";
    const lifecycle = createLifecycle({ log: createLog({ logLevel: "info" }, "child") });
    lifecycle.onClose("work", () => console.log("work put down"));
    setInterval(() => undefined, 60_000);
    console.log("up");`;
  const parent = `
    import { spawn } from "node:child_process";
    spawn(process.execPath, ["--input-type=module-typescript", "-e", ${JSON.stringify(child)}],
      { detached: true, stdio: ["ignore", "inherit", "inherit", "ipc"] });
    setInterval(() => undefined, 60_000);`;
  const program = spawned(process.execPath, ["--input-type=module", "-e", parent]);
  programs.push(program);
  await program.until(/up/);
  program.child.kill("SIGKILL");
  await program.until(/the parent process is gone.*work put down/s);
});
