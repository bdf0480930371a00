import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { clusterProcesses, stopClusterProcesses } from "../../../lib/cluster-processes.ts";
import { projectDir } from "../../../lib/config.ts";
import { sharedDir } from "../../../lib/postgres-binaries.ts";
import { withDatabase } from "../../../lib/database-urls.ts";
import { accountOf, copyCheckout, isRoot, plainAccount } from "../../support/mini-checkout.ts";
import { removeDataDir } from "../../support/test-cluster.ts";
import { spawned, type Spawned } from "../../support/spawned.ts";

const runPostgres = join(projectDir, "test/support/run-postgres.ts");
const asRoot = isRoot ? test : test.skip;

let folder: string;
let started: Spawned[];
let dataDirs: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rowhouse-runtime-"));
  chmodSync(folder, 0o755);
  started = [];
  dataDirs = [];
});

afterEach(async () => {
  for (const program of started) await program.end("SIGKILL");
  for (const dataDir of dataDirs) {
    await stopClusterProcesses(join(dataDir, "postgres"), 5_000);
    removeDataDir(dataDir);
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Where {
  dataDir: string;
  node?: string;
  script?: string;
  options?: { uid?: number; gid?: number; env?: NodeJS.ProcessEnv; cwd?: string };
}

async function start({ dataDir, node = process.execPath, script = runPostgres, options = {} }: Where) {
  const program = spawned(node, [script, dataDir], options);
  started.push(program);
  dataDirs.push(dataDir);
  const line = (await program.until(/^\{.*\}$/m))[0];
  return { program, ...(JSON.parse(line) as { adminUrl: string; recovered: boolean }) };
}

async function query(adminUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: withDatabase(adminUrl, "postgres") });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

const keep = "create table kept (n int); insert into kept values (42); checkpoint";
const kept = [{ n: 42 }];

test("is PostgreSQL 18, listens on the loopback only, asks for a password, and ends without a trace on SIGTERM", async () => {
  const dataDir = join(folder, "data");
  const { program, adminUrl } = await start({ dataDir });
  expect(await query(adminUrl, "show server_version")).toEqual([{ server_version: expect.stringMatching(/^18\./) }]);
  expect(await query(adminUrl, "show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
  const wrong = new URL(adminUrl);
  wrong.password = "guess";
  await expect(query(wrong.href, "select 1")).rejects.toThrow(/password authentication failed/);
  expect(await program.end("SIGTERM")).toBe(0);
  expect(clusterProcesses(join(dataDir, "postgres"))).toEqual([]);
  expect(existsSync(join(dataDir, "postgres/postmaster.pid"))).toBe(false);
});

test("a second start keeps the data and the port", async () => {
  const dataDir = join(folder, "data");
  const first = await start({ dataDir });
  await query(first.adminUrl, keep);
  await first.program.end("SIGTERM");
  const second = await start({ dataDir });
  expect(second).toMatchObject({ adminUrl: first.adminUrl, recovered: false });
  expect(await query(second.adminUrl, "select n from kept")).toEqual(kept);
});

describe("after kill -9", () => {
  test("of the program alone, the orphaned PostgreSQL is stopped and started again with its data", async () => {
    const dataDir = join(folder, "data");
    const first = await start({ dataDir });
    await query(first.adminUrl, keep);
    await first.program.end("SIGKILL");
    const [orphan] = clusterProcesses(join(dataDir, "postgres"));
    expect(orphan).toBeGreaterThan(0);
    const second = await start({ dataDir });
    expect(second.recovered).toBe(true);
    expect(clusterProcesses(join(dataDir, "postgres"))).not.toContain(orphan);
    expect(await query(second.adminUrl, "select n from kept")).toEqual(kept);
  });

  test("of everything, the next start recovers, even when another program got the old process id", async () => {
    const dataDir = join(folder, "data");
    const place = join(dataDir, "postgres");
    const first = await start({ dataDir });
    await query(first.adminUrl, keep);
    const file = join(place, "postmaster.pid");
    const left = readFileSync(file, "utf8");
    process.kill(clusterProcesses(place)[0]!, "SIGKILL");
    await first.program.end("SIGKILL");
    await stopClusterProcesses(place, 5_000);
    const stranger = spawned(
      process.execPath,
      ["-e", "setInterval(() => {}, 1000)"],
      isRoot ? plainAccountOf(place) : {},
    );
    started.push(stranger);
    writeFileSync(file, left.replace(/^\d+/, String(stranger.child.pid)));
    const second = await start({ dataDir });
    expect(await query(second.adminUrl, "select n from kept")).toEqual(kept);
    expect(stranger.child.exitCode).toBeNull();
  });

  test("in the middle of making the database, the next start begins anew", async () => {
    const dataDir = join(folder, "data");
    const program = spawned(process.execPath, [runPostgres, dataDir]);
    started.push(program);
    const draft = join(dataDir, "postgres/new");
    while (!existsSync(join(draft, "PG_VERSION")) && !existsSync(join(dataDir, "postgres/PG_VERSION"))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await program.end("SIGKILL");
    const { adminUrl } = await start({ dataDir });
    expect(await query(adminUrl, "select 1 as one")).toEqual([{ one: 1 }]);
  });
});

test("of two starts at once on one folder one wins, and the other says which variable to set", async () => {
  const dataDir = join(folder, "data");
  const outcomes = await Promise.allSettled([start({ dataDir }), start({ dataDir })]);
  const refusals = outcomes.filter((outcome) => outcome.status === "rejected");
  expect(refusals).toHaveLength(1);
  expect(String(refusals[0]!.reason)).toMatch(/already running on the data folder .* set ROWHOUSE_DATA_DIR/);
});

test("a folder with somebody else's files is left alone", async () => {
  const dataDir = join(folder, "data");
  mkdirSync(join(dataDir, "postgres"), { recursive: true });
  writeFileSync(join(dataDir, "postgres/thesis.txt"), "years of work");
  await expect(start({ dataDir })).rejects.toThrow(/holds files that are not of Rowhouse/);
  expect(readFileSync(join(dataDir, "postgres/thesis.txt"), "utf8")).toBe("years of work");
});

describe("wherever the project lies", () => {
  test("a normal user may have spaces, quotes and umlauts in every path", async () => {
    const dir = join(folder, `my "häuser" & 'row' $HOME`);
    const checkout = copyCheckout(dir, { node: true });
    if (isRoot) chownSync(dir, plainAccount.uid, plainAccount.gid);
    const home = join(folder, "home");
    mkdirSync(home);
    if (isRoot) chownSync(home, plainAccount.uid, plainAccount.gid);
    const options = { ...(isRoot ? plainAccount : {}), cwd: dir, env: { HOME: home } };
    const dataDir = join(dir, "the data");
    const where = { dataDir, node: checkout.node, script: checkout.runPostgres, options };
    const first = await start(where);
    await query(first.adminUrl, keep);
    expect(await first.program.end("SIGTERM")).toBe(0);
    const second = await start(where);
    expect(await query(second.adminUrl, "select n from kept")).toEqual(kept);
    expect(accountOf(clusterProcesses(join(dataDir, "postgres"))[0]!)).toBe(
      isRoot ? plainAccount.uid : process.getuid!(),
    );
  });

  asRoot("root hands PostgreSQL to another account", async () => {
    const dataDir = join(folder, "data");
    await start({ dataDir });
    const [main] = clusterProcesses(join(dataDir, "postgres"));
    expect(accountOf(main!)).not.toBe(0);
  });

  asRoot(
    "root may keep it below a folder that only root may enter; the database is then a link to one that can be reached",
    async () => {
      const before = copiedPrograms();
      const dir = join(folder, "private home", "rowhouse");
      const checkout = copyCheckout(dir, { node: false });
      chmodSync(join(folder, "private home"), 0o700);
      const dataDir = join(dir, "data");
      const where = { dataDir, script: checkout.runPostgres };
      const first = await start(where);
      expect(lstatSync(join(dataDir, "postgres")).isSymbolicLink()).toBe(true);
      await query(first.adminUrl, keep);
      await first.program.end("SIGTERM");
      const second = await start(where);
      expect(await query(second.adminUrl, "select n from kept")).toEqual(kept);
      expect(accountOf(clusterProcesses(join(dataDir, "postgres"))[0]!)).not.toBe(0);
      await second.program.end("SIGTERM");
      const made = copiedPrograms().filter((name) => !before.includes(name));
      for (const name of made) rmSync(join(sharedDir, name), { recursive: true });
    },
  );
});

function plainAccountOf(path: string): { uid: number; gid: number } {
  const { uid, gid } = lstatSync(path);
  return { uid, gid };
}

function copiedPrograms(): string[] {
  return existsSync(sharedDir) ? readdirSync(sharedDir).filter((name) => name.startsWith("postgresql-")) : [];
}
