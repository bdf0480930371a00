import { execFile } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ensureDatabase } from "../../lib/migrate.ts";
import { withDatabase } from "../../lib/database-urls.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { testSecret } from "../support/test-urls.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

let copy: string;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  copy = mkdtempSync(join(tmpdir(), "rowhouse add a table "));
  for (const entry of ["db", "lib", ".gmrc", "package.json"])
    cpSync(join(project, entry), join(copy, entry), { recursive: true, verbatimSymlinks: true });
  symlinkSync(join(project, "node_modules"), join(copy, "node_modules"));
});

afterAll(async () => {
  const shadow = withDatabase(database.adminUrl, `${database.name}_shadow`);
  await ensureDatabase(shadow);
  await database.admin.query(`drop database ${database.name}_shadow with (force)`);
  await database.drop();
  rmSync(copy, { recursive: true, force: true });
});

test("a DBA who follows db/README.md step by step has a new table, walled, linted and in the ledger", async () => {
  for (const { file, append, sql } of recipe()) {
    const path = join(copy, file);
    mkdirSync(dirname(path), { recursive: true });
    if (append) appendFileSync(path, sql);
    else writeFileSync(path, sql);
  }

  for (const args of [["watch", "--once"], ["lint"], ["commit", "--message", "lists: Add notes."]]) {
    const { code, output } = await command(...args);
    expect({ args, complaint: code === 0 ? "" : output }).toEqual({ args, complaint: "" });
  }

  const committed = readdirSync(join(copy, "db/migrations/committed"));
  expect(committed).toContainEqual(expect.stringMatching(/^\d+-lists-add-notes\.sql$/));
  expect(await command("status")).toMatchObject({ code: 0 });

  const tenants = await database.admin.query(
    "select private.create_tenant(n, lower(n)) as id from unnest(array['Acme', 'Globex']) n",
  );
  const [acme, globex] = tenants.rows.map((row) => row.id as string);
  await asTenant(
    database,
    { tenantId: acme, role: "rowhouse_member" },
    async (client) => {
      const { rows } = await client.query("insert into lists.lists (name) values ('Congress') returning id");
      await client.query("insert into lists.list_notes (list_id, body) values ($1, 'call before noon')", [rows[0].id]);
    },
    { commit: true },
  );
  const notes = async (tenantId: string | undefined) =>
    asTenant(
      database,
      { tenantId, role: "rowhouse_viewer" },
      async (client) => (await client.query("select body from lists.list_notes")).rows,
    );
  expect(await notes(acme)).toEqual([{ body: "call before noon" }]);
  expect(await notes(globex)).toEqual([]);
  await expect(notes(undefined)).rejects.toMatchObject({ code: "RH001" });
});

/** The files that the README tells to write, in its order. */
function recipe(): { file: string; append: boolean; sql: string }[] {
  const text = readFileSync(join(copy, "db/README.md"), "utf8");
  const blocks = [...text.matchAll(/^( *)```sql (\S+)( \(append\))?\n([\s\S]*?)^ *```$/gm)];
  expect(blocks).toHaveLength(3);
  return blocks.map(([, indent, file, append, sql]) => ({
    file: file!,
    append: append !== undefined,
    sql: sql!.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

/** Runs npm run db:<verb> as its script does. */
async function command(...args: string[]): Promise<{ code: number; output: string }> {
  const options = {
    cwd: copy,
    env: {
      ...process.env,
      DATABASE_URL: database.adminUrl,
      ROWHOUSE_DATA_DIR: join(copy, "data"),
      ROWHOUSE_SECRET: testSecret,
    },
  };
  return run(process.execPath, [join(copy, "db/commands.ts"), ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      output: error.stdout + error.stderr,
    }),
  );
}
