import { until } from "./until.ts";
import type { Somebody, TestServer } from "./server.ts";

/** What `GET /imports/:id` tells. */
export interface Import {
  readonly id: string;
  readonly status: string;
  readonly acceptedCount: number;
  readonly rejectedCount: number;
  readonly insertedCount: number;
  readonly skippedCount: number;
  readonly filledCount: number;
  readonly overwrittenCount: number;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
}

/** The options of an import, as columns of lists.start_import. */
export type ImportSettings = Record<string, unknown>;

/** An answer of the import routes. */
export interface Answer {
  readonly status: number;
  /** An import, or an error. */
  readonly body: Partial<Import> & { code?: string; message?: string; details?: Record<string, unknown> };
}

/** The bytes of a file. */
export type FileBody = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

/** Opens an import into somebody's list, through the API's own function. */
export async function startImport(server: TestServer, who: Somebody, settings: ImportSettings = {}): Promise<string> {
  const names = Object.keys(settings).map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  const args = names.map((name, i) => `, ${name} => $${i + 2}`).join("");
  const values = Object.values(settings).map((value) =>
    value !== null && typeof value === "object" ? JSON.stringify(value) : value,
  );
  const client = await server.database.server.connect();
  try {
    await client.query("begin");
    await client.query(
      "select set_config('role', 'rowhouse_member', true), set_config('jwt.claims.tenant_id', $1, true), set_config('jwt.claims.actor_id', $2, true)",
      [who.tenantId, who.actorId],
    );
    const { rows } = await client.query<{ id: string }>(`select (lists.start_import($1${args})).id`, [
      who.listId,
      ...values,
    ]);
    await client.query("commit");
    return rows[0]!.id;
  } finally {
    client.release();
  }
}

/** Sends a file to an import. */
export async function upload(
  server: TestServer,
  who: Somebody,
  importId: string,
  body: FileBody,
  query = "",
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${server.origin}/imports/${importId}${query}`, {
    method: "POST",
    headers: { authorization: `Bearer ${who.token()}`, "content-type": "text/csv", ...headers },
    body,
    duplex: "half",
  } as RequestInit);
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

/** The rejected lines of an import, as the CSV that is downloaded. */
export async function downloadRejects(server: TestServer, who: Somebody, importId: string): Promise<string> {
  const response = await fetch(`${server.origin}/imports/${importId}/rejects`, {
    headers: { authorization: `Bearer ${who.token("viewer")}` },
  });
  return response.text();
}

/** How far an import is. */
export async function readImport(server: TestServer, who: Somebody, importId: string): Promise<Import> {
  const response = await fetch(`${server.origin}/imports/${importId}`, {
    headers: { authorization: `Bearer ${who.token()}` },
  });
  return (await response.json()) as Import;
}

/** Waits until the worker is done with an import. */
export function untilImported(server: TestServer, who: Somebody, importId: string): Promise<Import> {
  return until(`import ${importId} is done`, async () => {
    const row = await readImport(server, who, importId);
    return !["queued", "merging", "undoing"].includes(row.status) && row;
  });
}

/** Imports a file from beginning to end. */
export async function importInto(
  server: TestServer,
  who: Somebody,
  body: FileBody,
  settings: ImportSettings = {},
): Promise<Import> {
  const importId = await startImport(server, who, settings);
  const answer = await upload(server, who, importId, body);
  if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
  return untilImported(server, who, importId);
}
