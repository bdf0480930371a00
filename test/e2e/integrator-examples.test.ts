import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { projectDir } from "../../lib/config.ts";
import { hashPassword } from "../../lib/password.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import { createAccessTokens } from "../../server/auth/access-tokens.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { testConfig } from "../support/jobs.ts";
import { randomNumbers } from "../support/random-numbers.ts";
import { startMainProcess, type MainProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";

const hasPython = spawnSync("python3", ["-c", "import sqlite3"]).status === 0;
if (!hasPython && process.env.CI)
  throw new Error("The examples need python3 with sqlite3. Install it where tests are run.");

/** An example: how it is started on a file, and how the file is read afterwards. */
interface Example {
  readonly program: string;
  readonly script: string;
  readonly file: string;
  contacts(file: string): Record<string, unknown>[];
}

const examples: Record<"Node" | "Python", Example> = {
  Node: {
    program: process.execPath,
    script: "mirror-contacts.mjs",
    file: "contacts.json",
    contacts: (file) => Object.values(JSON.parse(readFileSync(file, "utf8")).contacts),
  },
  Python: {
    program: "python3",
    script: "mirror_contacts.py",
    file: "contacts.db",
    contacts(file) {
      const dump =
        "import sqlite3, sys; print('[' + ','.join(c for (c,) in sqlite3.connect(sys.argv[1]).execute('select contact from contacts')) + ']')";
      return JSON.parse(spawnSync("python3", ["-c", dump, file]).stdout.toString() || "[]");
    },
  },
};

let database: TestDatabase;
let folder: string;
let server: MainProcess;
let port: number;
let tenantId: string;
let key: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), "rowhouse-examples-"));
  port = await freePort();
  await startServer();
  const one = async (sql: string, values: unknown[]) => (await database.admin.query(sql, values)).rows[0].id as string;
  tenantId = await one("select private.create_tenant('acme', 'acme') as id", []);
  const userId = await one("select private.create_user($1, 'ada@acme.example', 'Ada', 'admin', $2) as id", [
    tenantId,
    await hashPassword("the password of Ada"),
  ]);
  const actorId = await one("select id from iam.actors where tenant_id = $1 and kind = 'user'", [tenantId]);
  const { token } = createAccessTokens(testConfig()).sign({ userId, tenantId, actorId, role: "admin" }, 30);
  const query =
    'mutation { createApiKey(input: { name: "Mirror", role: VIEWER, scopes: ["crm:read", "events:read"] }) { key } }';
  const response = await fetch(`${server.origin}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  });
  key = ((await response.json()) as { data: { createApiKey: { key: string } } }).data.createApiKey.key;
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(async () => {
  await server?.kill();
  await database?.drop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return free;
}

async function startServer(): Promise<void> {
  server = await startMainProcess("server", database, { PORT: String(port), HOST: "127.0.0.1" });
}

function start({ program, script, file }: Example): ChildProcess {
  const child = spawn(program, [join(projectDir, "docs/examples", script), join(folder, file)], {
    env: { PATH: process.env.PATH, ROWHOUSE_URL: `http://127.0.0.1:${port}/graphql`, ROWHOUSE_KEY: key },
    stdio: "ignore",
  });
  children.push(child);
  return child;
}

const write = (sql: string, values: unknown[] = []) =>
  asTenant(database, { tenantId }, (client) => client.query(sql, values), { commit: true });

async function written(): Promise<unknown[]> {
  const { rows } = await database.admin.query(
    `select id, first_name as "firstName", title from crm.contacts where tenant_id = $1 and deleted_at is null order by id`,
    [tenantId],
  );
  return rows.map(({ id, ...row }) => ({ id: encodeTypeId("contact", id), ...row }));
}

function mirrored({ contacts, file }: Example): unknown[] {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  return contacts(path)
    .map(({ id, firstName, title }) => ({ id, firstName, title }))
    .sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
}

const untilMirrored = (example: Example) =>
  until(
    `${example.script} has all contacts`,
    async () => JSON.stringify(mirrored(example)) === JSON.stringify(await written()),
  );

const insert = "insert into crm.contacts (first_name) select $1 from generate_series(1, $2::int)";
const some =
  "id in (select id from crm.contacts where tenant_id = app.tenant_id() order by md5(id::text || $1::text) limit 3)";

describe.each(Object.entries(examples))("the example in %s", (language, example) => {
  (language === "Python" && !hasPython ? test.skip : test)(
    "has every contact as it is, although it and the server are killed again and again",
    async () => {
      const random = randomNumbers(language.length);
      await write(insert, ["Before", 130]);
      let child = start(example);
      await untilMirrored(example);
      for (let round = 0; round < 3; round++) {
        for (let n = 0; n < 12; n++) {
          await write(insert, [`Made ${round}`, 1 + random(3)]);
          await write(`update crm.contacts set title = 'Round ' || ($1::int % 7) where ${some}`, [random(1e6)]);
          await write(`update crm.contacts set deleted_at = now() where ${some} and deleted_at is null`, [random(1e6)]);
          await write(`update crm.contacts set deleted_at = null where ${some} and deleted_at is not null`, [
            random(1e6),
          ]);
          if (n === 3) child.kill("SIGKILL");
          if (n === 5) await server.kill();
          if (n === 7) child = start(example);
          if (n === 9) await startServer();
        }
      }
      await untilMirrored(example);
      // So many at once that the event does not name them.
      await write(insert, ["Bulk", 1100]);
      await write("delete from crm.contacts where first_name = 'Before'");
      await untilMirrored(example);
      expect(mirrored(example).length).toBeGreaterThan(1100);
    },
    180_000,
  );
});
