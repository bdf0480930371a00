import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { clusterProcesses, stopClusterProcesses } from "../../../lib/cluster-processes.ts";
import { connectAdmin } from "../../../lib/admin-connection.ts";
import { childEnvironment, projectDir } from "../../../lib/config.ts";
import { withDatabase } from "../../../lib/database-urls.ts";
import { removeDataDir } from "../../support/test-cluster.ts";
import { testSecret } from "../../support/test-urls.ts";
import { spawned, type Spawned } from "../../support/spawned.ts";

const startScript = join(projectDir, "start.ts");

let dataDir: string;
let started: Spawned[];

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "rowhouse-start-"));
  started = [];
});

afterAll(async () => {
  for (const program of started) await program.end("SIGKILL");
  await stopClusterProcesses(join(dataDir, "postgres"), 5_000);
  removeDataDir(dataDir);
  rmSync(dataDir, { recursive: true, force: true });
});

function start(replaced: Record<string, string> = {}, [program, ...args] = [process.execPath, startScript]): Spawned {
  const settings = {
    ROWHOUSE_DATA_DIR: dataDir,
    DATABASE_URL: "",
    NODE_ENV: "development",
    PORT: "0",
    HOST: "127.0.0.1",
  };
  const running = spawned(program!, args, { cwd: projectDir, env: childEnvironment({ ...settings, ...replaced }) });
  started.push(running);
  return running;
}

async function running(program: Spawned): Promise<string> {
  await program.until(/Rowhouse is running/);
  return (await program.until(/GraphQL {2}(http\S+)\/graphql/))[1]!;
}

/** The children of a process: our server and worker; PostgreSQL is found by its folder. */
function childrenOf(parent: number, script: string): number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const isChild = Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")[1]) === parent;
        return isChild && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(script);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function exists(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]![0] !== "Z";
  } catch {
    return false;
  }
}

async function gone(pids: number[]): Promise<void> {
  while (pids.some(exists)) await new Promise((resolve) => setTimeout(resolve, 50));
}

test("a port that is taken is refused before anything is started, naming the variable to set", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const program = start({ PORT: String(port) });
  expect(await program.end()).toBe(1);
  expect(program.output()).toMatch(new RegExp(`Port ${port} of 127.0.0.1 is taken .* Set PORT to a free one`));
  other.close();
});

test("a misspelt setting is refused with the right one", async () => {
  const program = start({ ROWHOUSE_POOLSIZE: "3" });
  expect(await program.end()).toBe(1);
  expect(program.output()).toContain("did you mean ROWHOUSE_POOL_SIZE?");
});

test("a DATABASE_URL that does not answer is refused, and nothing embedded is started", async () => {
  const program = start({ DATABASE_URL: "postgres://me:hunter2@127.0.0.1:9/rows" });
  expect(await program.end()).toBe(1);
  expect(program.output()).toMatch(/Cannot connect to PostgreSQL at 127\.0\.0\.1:9/);
  expect(program.output()).not.toContain("hunter2");
  expect(clusterProcesses(join(dataDir, "postgres"))).toEqual([]);
});

describe("one command", () => {
  test("starts everything, restarts a worker that was killed, and leaves no process on SIGTERM", async () => {
    const program = start();
    const url = await running(program);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const pid = program.child.pid!;
    const [server, worker] = [childrenOf(pid, "server/main.ts"), childrenOf(pid, "worker/main.ts")];
    expect([server.length, worker.length]).toEqual([1, 1]);

    process.kill(worker[0]!, "SIGKILL");
    await program.until(/"process":"worker".*"running again"/);
    const all = [...server, ...childrenOf(pid, "worker/main.ts"), ...clusterProcesses(join(dataDir, "postgres"))];
    expect(await program.end("SIGTERM")).toBe(0);
    await gone(all);
    expect(clusterProcesses(join(dataDir, "postgres"))).toEqual([]);
  });

  test("keeps the data; after kill -9 its children end by themselves and the next start recovers", async () => {
    const first = start();
    await running(first);
    const pid = first.child.pid!;
    const children = [...childrenOf(pid, "server/main.ts"), ...childrenOf(pid, "worker/main.ts")];
    expect(children).toHaveLength(2);
    await first.end("SIGKILL");
    await gone(children);
    expect(clusterProcesses(join(dataDir, "postgres")).length).toBeGreaterThan(0);

    const second = start();
    await running(second);
    expect(second.output()).toMatch(/"recovered":true/);
    expect(await second.end("SIGINT")).toBe(0);
    expect(clusterProcesses(join(dataDir, "postgres"))).toEqual([]);
  });

  test("npm start hands SIGTERM on, so that a service manager may run it", async () => {
    const program = start({}, ["npm", "start"]);
    await running(program);
    expect(await program.end("SIGTERM")).toBe(0);
    expect(clusterProcesses(join(dataDir, "postgres"))).toEqual([]);
  });

  test("with DATABASE_URL it works on that server, and nothing embedded is started", async () => {
    const elsewhere = join(dataDir, "elsewhere");
    const url = withDatabase(process.env.TEST_DATABASE_URL!, `start_${process.pid}`);
    const program = start({ DATABASE_URL: url, ROWHOUSE_SECRET: testSecret, ROWHOUSE_DATA_DIR: elsewhere });
    const client = await running(program).then(() => connectAdmin(url));
    expect((await client.query("select count(*)::int as n from iam.tenants")).rows).toEqual([{ n: 2 }]);
    await client.end();
    expect(await program.end("SIGTERM")).toBe(0);
    expect(existsSync(join(elsewhere, "postgres"))).toBe(false);
  });

  test("a signal during the start leaves nothing behind", async () => {
    const program = start();
    await program.until(/the embedded PostgreSQL is running/);
    await program.end("SIGTERM");
    expect(clusterProcesses(join(dataDir, "postgres"))).toEqual([]);
  });
});
