import type { ClientBase } from "pg";
import { escapeIdentifier } from "pg";
import { connectAdmin } from "../../lib/admin-connection.ts";
import { loadConfig } from "../../lib/config.ts";
import { SetupError } from "../../lib/errors.ts";
import { sealedColumns, sealedContext } from "../../lib/sealed-columns.ts";
import { type KeySettings, openSecret, sealedPrefix, sealSecret } from "../../lib/sealed-secret.ts";
import type { Command } from "./command.ts";

const batchSize = 200;

type SealedColumn = (typeof sealedColumns)[number];

/** Encrypts every column secret that an older key encrypted with the present key; exit code 1 when some could not be read. */
export const reseal: Command = {
  sentence: "encrypts all column secrets with the first key of ROWHOUSE_ENCRYPTION_KEYS",
  run: async ({ database, args, print }) => {
    if (args.length > 0) {
      print(`db:reseal takes no options, but was given ${args.join(" ")}.`);
      return 64;
    }
    const config = loadConfig();
    const client = await connectAdmin(database.urls.admin);
    let failed = 0;
    try {
      await client.query(
        "select set_config('role', 'rowhouse_owner', false), set_config('rowhouse.request_id', 'db:reseal', false)",
      );
      for (const column of sealedColumns) {
        const done = await resealColumn(client, config, column, print);
        failed += done.failed;
        if (done.resealed + done.failed > 0)
          print(`${nameOf(column)}: ${done.resealed} encrypted anew, ${done.failed} could not be read.`);
      }
    } finally {
      await client.end();
    }
    print(
      failed > 0
        ? "Keep the old key in ROWHOUSE_ENCRYPTION_KEYS until those are set anew."
        : "All column secrets are encrypted with the present key. Older keys can be removed from ROWHOUSE_ENCRYPTION_KEYS.",
    );
    return failed > 0 ? 1 : 0;
  },
};

const nameOf = ({ table, column }: SealedColumn) => `${table}.${column}`;

async function resealColumn(
  client: ClientBase,
  settings: KeySettings,
  column: SealedColumn,
  print: (line: string) => void,
): Promise<{ resealed: number; failed: number }> {
  const value = escapeIdentifier(column.column);
  const keys = column.keyColumns.map((name) => escapeIdentifier(name)).join(", ");
  const prefix = sealedPrefix(settings);
  let resealed = 0;
  const unreadable: string[] = [];
  for (;;) {
    await client.query("begin");
    const { rows } = await client.query<{ key: string[]; sealed: Buffer }>(
      `select array[${column.keyColumns.map((name) => `${escapeIdentifier(name)}::text`).join(", ")}] as key, ${value} as sealed
       from ${column.table} where substring(${value} from 1 for ${prefix.length}) <> $1 and not (concat_ws('/', ${keys}) = any ($2))
       order by ${keys} limit ${batchSize} for update`,
      [prefix, unreadable],
    );
    for (const { key, sealed } of rows) {
      const context = sealedContext(column.purpose, ...key);
      const again = tryReseal(settings, sealed, context);
      if (again instanceof SetupError) {
        print(again.message);
        unreadable.push(key.join("/"));
        continue;
      }
      const where = column.keyColumns.map((name, i) => `${escapeIdentifier(name)} = $${i + 2}`).join(" and ");
      await client.query(`update ${column.table} set ${value} = $1 where ${where}`, [again, ...key]);
      resealed++;
    }
    await client.query("commit");
    if (rows.length < batchSize) return { resealed, failed: unreadable.length };
  }
}

function tryReseal(settings: KeySettings, sealed: Buffer, context: string): Buffer | SetupError {
  try {
    return sealSecret(settings, openSecret(settings, sealed, context), context);
  } catch (error) {
    if (error instanceof SetupError) return error;
    throw error;
  }
}
