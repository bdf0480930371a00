import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connectAdmin } from "../../../lib/admin-connection.ts";
import { stopClusterProcesses } from "../../../lib/cluster-processes.ts";
import { childEnvironment, projectDir } from "../../../lib/config.ts";
import { withDatabase } from "../../../lib/database-urls.ts";
import { spawned } from "../../support/spawned.ts";
import { removeDataDir } from "../../support/test-cluster.ts";
import { testSecret } from "../../support/test-urls.ts";

let dataDir: string;
let url: string;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "rowhouse-commands-"));
  url = withDatabase(process.env.TEST_DATABASE_URL!, `commands_${process.pid}`);
});

afterAll(async () => {
  await stopClusterProcesses(join(dataDir, "postgres"), 5_000);
  removeDataDir(dataDir);
  rmSync(dataDir, { recursive: true, force: true });
});

async function command(args: string[], databaseUrl = url): Promise<{ code: unknown; output: string }> {
  const program = spawned(process.execPath, [join(projectDir, "db/commands.ts"), ...args], {
    cwd: projectDir,
    env: childEnvironment({ DATABASE_URL: databaseUrl, ROWHOUSE_SECRET: testSecret, ROWHOUSE_DATA_DIR: dataDir }),
  });
  return { code: await program.end(), output: program.output() };
}

test("a database that is not there yet is pending; db:migrate makes it, and then it is up to date", async () => {
  expect(await command(["status"])).toMatchObject({
    code: 1,
    output: expect.stringMatching(/does not exist yet.*db:migrate/),
  });
  expect(await command(["migrate"])).toMatchObject({
    code: 0,
    output: expect.stringMatching(/committed migrations executed/),
  });
  expect((await command(["status"])).output).not.toMatch(/pending/);
});

test("db:lint lists what breaks a rule and fails", async () => {
  const client = await connectAdmin(url);
  await client.query("create table lists.rogue (tenant_id uuid, id uuid)");
  await client.end();
  const { code, output } = await command(["lint"]);
  expect(code).toBe(1);
  expect(output).toMatch(/^[a-z-]+: .*rogue.*: .+$/m);
});

test("db:reset deletes nothing unless it is told to erase", async () => {
  expect(await command(["reset"])).toMatchObject({ code: 64, output: expect.stringContaining("-- --erase") });
  const client = await connectAdmin(url);
  expect((await client.query("select to_regclass('lists.rogue')::text as rogue")).rows).toEqual([
    { rogue: "lists.rogue" },
  ]);
  await client.end();
  expect((await command(["reset", "--erase"])).code).toBe(0);
  expect((await command(["lint"])).output).not.toMatch(/rogue/);
});

test("an unknown verb is answered with the verbs there are", async () => {
  expect(await command(["migrat"])).toMatchObject({
    code: 64,
    output: expect.stringMatching(/no command db:migrat.*db:watch/s),
  });
});

test("a commit without a message is refused with an example", async () => {
  expect(await command(["commit"])).toMatchObject({ code: 64, output: expect.stringContaining("--message") });
});

test("without DATABASE_URL the embedded PostgreSQL is started for the command and stopped after it", async () => {
  expect((await command(["migrate"], "")).code).toBe(0);
  const program = spawned(process.execPath, [join(projectDir, "test/support/run-postgres.ts"), dataDir]);
  await program.until(/adminUrl/);
  expect((await command(["status"], "")).output).not.toMatch(/does not exist/);
  expect(await program.end("SIGTERM")).toBe(0);
});
