import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { PoolClient } from "pg";
import type { FileStore } from "../../lib/file-store.ts";

/** What steps work on: an object of JSON, with the fields of an entry by their names where it has them. */
export type PipelineRecord = Readonly<Record<string, unknown>>;

/** Reads the records of an artifact. */
export async function readRecords(client: PoolClient, store: FileStore, artifactId: string): Promise<PipelineRecord[]> {
  const { rows } = await client.query<{ data: unknown; path: string | null }>(
    "select inline_data as data, object_path as path from pipeline.artifacts where id = $1",
    [artifactId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`There is no artifact ${artifactId}.`);
  const data: unknown = row.path === null ? row.data : JSON.parse(String(await buffer(store.read(row.path))));
  if (!Array.isArray(data) || !data.every((each) => typeof each === "object" && each !== null && !Array.isArray(each)))
    throw new TypeError(`The artifact ${artifactId} is not an array of objects.`);
  return data;
}

/** An artifact that is to be written: in the row when it is short, else in a file that is there already. */
export interface DraftArtifact {
  readonly inline: string | null;
  readonly path: string | null;
  readonly byteCount: number;
  readonly sha256: string;
}

/** Puts what is too long for a row into a file; the same key again replaces what an earlier attempt left. */
export async function draftRecords(
  client: PoolClient,
  store: FileStore,
  key: string,
  records: readonly PipelineRecord[],
): Promise<DraftArtifact> {
  const text = JSON.stringify(records);
  // What counts is the text that PostgreSQL makes of it, which has spaces, and numbers in full.
  const fits = "select octet_length($1::jsonb::text) < 102400 as fits";
  if (text.length < 102_400 && (await client.query<{ fits: boolean }>(fits, [text])).rows[0]!.fits)
    return { inline: text, path: null, byteCount: 0, sha256: "0".repeat(64) };
  const { byteCount, sha256 } = await store.put(key, Readable.from([Buffer.from(text)]));
  return { inline: null, path: key, byteCount, sha256 };
}

/** Where an artifact comes from. */
export interface ArtifactOrigin {
  readonly runId: string;
  readonly blockExecutionId: string;
  readonly correlationId: string;
  readonly parentId: string;
}

/** Writes an artifact with its lineage; its id. */
export async function insertArtifact(
  client: PoolClient,
  { inline, path, byteCount, sha256 }: DraftArtifact,
  { runId, blockExecutionId, correlationId, parentId }: ArtifactOrigin,
): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into pipeline.artifacts (pipeline_run_id, block_execution_id, correlation_id, artifact_type, inline_data, object_path, size_bytes, checksum)
     values ($1, $2, $3, 'pipeline_records', $4, $5, $6, $7) returning id`,
    [runId, blockExecutionId, correlationId, inline, path, byteCount, sha256],
  );
  const id = rows[0]!.id;
  await client.query("insert into pipeline.artifact_parents (artifact_id, parent_id) values ($1, $2)", [id, parentId]);
  return id;
}
