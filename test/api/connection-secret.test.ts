import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { sealedColumns, sealedContext } from "../../lib/sealed-columns.ts";
import { openSecret } from "../../lib/sealed-secret.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { testSecret } from "../support/test-urls.ts";

const [oldKey, newKey] = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];
const secret = "p4ss of the folder";

let server: TestServer;
let ann: Somebody;
let connectionId: string;

beforeAll(async () => {
  server = await startTestServer({ ROWHOUSE_ENCRYPTION_KEYS: oldKey });
  ann = await createSomebody(server, "admin");
  const made = await server.post(
    `mutation { createDestination(input: { destination: { name: "Folder", kind: FTP, config: { host: "ftp.example.com", username: "ann" } } }) { destination { id hasSecret } } }`,
    { token: ann.token() },
  );
  expect(made.data.createDestination.destination.hasSecret).toBe(false);
  connectionId = made.data.createDestination.destination.id;
});

afterAll(() => server?.remove());

const set = (value: string | null, token = ann.token(), id = connectionId) =>
  server.post(
    `mutation ($id: ID!, $secret: String) { setConnectionSecret(input: { connectionId: $id, secret: $secret }) { destination { id hasSecret } } }`,
    { token, variables: { id, secret: value } },
  );

const stored = async () =>
  (
    await server.database.admin.query<{ tenant_id: string; connection_id: string; sealed_secret: Buffer }>(
      "select * from private.connection_secrets where tenant_id = $1",
      [ann.tenantId],
    )
  ).rows;

const opened = async (encryptionKeys: string[]) => {
  const [row] = await stored();
  const context = sealedContext("connection", row!.tenant_id, row!.connection_id);
  return openSecret({ secret: testSecret, encryptionKeys }, row!.sealed_secret, context);
};

test("an admin sets what opens a connection; it is kept encrypted, shown to nobody, and noted in the audit log", async () => {
  const { data, errors } = await set(secret);
  expect(errors).toBeUndefined();
  expect(data.setConnectionSecret.destination).toEqual({ id: connectionId, hasSecret: true });
  const [row] = await stored();
  expect(row!.sealed_secret.includes(secret)).toBe(false);
  expect(await opened([oldKey])).toBe(secret);
  const audit = await server.post(
    `{ auditLogs(filter: { entityType: { equalTo: "connection_secrets" } }) { nodes { action newValues } } }`,
    { token: ann.token() },
  );
  expect(audit.data.auditLogs.nodes).toMatchObject([{ newValues: { sealed_secret: "[redacted]" } }]);
  expect(JSON.stringify(server.logged)).not.toContain(secret);
});

test("nobody below an admin sets one, and nobody of another tenant", async () => {
  const before = await stored();
  expect((await set("other", ann.token("manager"))).errors![0]!.extensions["code"]).toBe("FORBIDDEN");
  const bob = await createSomebody(server, "admin");
  expect((await set("other", bob.token())).errors![0]!.extensions["code"]).toBe("NOT_FOUND");
  expect((await set("")).errors![0]!.extensions).toMatchObject({ code: "VALIDATION_FAILED", field: "secret" });
  expect(await stored()).toEqual(before);
});

test("db:reseal moves every secret to the new key, and says what it cannot read", async () => {
  const run = async (keys: string) => {
    const env = {
      ...process.env,
      DATABASE_URL: server.database.adminUrl,
      ROWHOUSE_SECRET: testSecret,
      ROWHOUSE_ENCRYPTION_KEYS: keys,
    };
    const commands = fileURLToPath(new URL("../../db/commands.ts", import.meta.url));
    return promisify(execFile)(process.execPath, [commands, "reseal"], { env }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => ({ code: error.code, stdout: error.stdout }),
    );
  };
  const unread = await run(newKey);
  expect(unread.code).toBe(1);
  expect(unread.stdout).toContain("connection_secrets.sealed_secret: 0 encrypted anew, 1 could not be read.");
  expect(await opened([oldKey])).toBe(secret);

  const done = await run(`${newKey},${oldKey}`);
  expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining("1 encrypted anew, 0 could not be read.") });
  expect(await opened([newKey])).toBe(secret);
  expect((await run(newKey)).stdout).toMatch(/^All column secrets are encrypted with the present key/);
});

test("every column of sealed values is one that db:reseal knows", async () => {
  const { rows } = await server.database.admin.query<{ name: string }>(
    `select format('%s.%s', a.attrelid::regclass, a.attname) as name from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relkind in ('r', 'p') and not c.relispartition and a.atttypid = 'bytea'::regtype and a.attname ~ 'sealed'
       and c.relnamespace::regnamespace::text = any (ddl.own_schemas())`,
  );
  expect(rows.map(({ name }) => name).sort()).toEqual(
    sealedColumns.map((each) => `${each.table}.${each.column}`).sort(),
  );
});

test("a secret that is set to nothing is forgotten", async () => {
  expect((await set(null)).data.setConnectionSecret.destination.hasSecret).toBe(false);
  expect(await stored()).toEqual([]);
});
