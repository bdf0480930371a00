import { Client } from "pg";
import { withDatabase } from "./database-urls.ts";
import { SetupError } from "./errors.ts";

const oldestVersion = 180000;

/** A connection of the administrator. Throws a SetupError when it cannot be made, or when PostgreSQL is older than 18. */
export async function connectAdmin(url: string): Promise<Client> {
  const client = await connect(url);
  const { rows } = await client.query<{ number: string; version: string }>(
    "select current_setting('server_version_num') as number, current_setting('server_version') as version",
  );
  const refusal = versionRefusal(Number(rows[0]?.number), rows[0]?.version ?? "unknown", url);
  if (refusal === undefined) return client;
  await client.end();
  throw refusal;
}

/** Why a server of that `server_version_num` cannot be used; undefined when it can. */
export function versionRefusal(versionNumber: number, version: string, url: string): SetupError | undefined {
  if (versionNumber >= oldestVersion) return undefined;
  return new SetupError(
    `The PostgreSQL at ${placeOf(url)} is version ${version}; Rowhouse needs 18 or newer (it uses uuidv7). ` +
      "Upgrade it, point DATABASE_URL to another server, or unset DATABASE_URL to use the embedded PostgreSQL 18.",
  );
}

/** The URL of a database that exists on every server, for work that is not about one database. */
export async function maintenanceUrl(url: string): Promise<string> {
  for (const candidate of [withDatabase(url, "postgres"), withDatabase(url, "template1")]) {
    try {
      await (await connectRaw(candidate)).end();
      return candidate;
    } catch (error) {
      if (!isMissingDatabase(error) && !isForbidden(error)) throw explained(error, url);
    }
  }
  return url;
}

/** Whether an error says that the database does not exist. */
export function isMissingDatabase(error: unknown): boolean {
  return codeOf(error) === "3D000" || (error instanceof Error && codeOf(error.cause) === "3D000");
}

async function connect(url: string): Promise<Client> {
  try {
    return await connectRaw(url);
  } catch (error) {
    throw explained(error, url);
  }
}

async function connectRaw(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000, application_name: "rowhouse-admin" });
  // A connection that is lost while idle must not end the process; the next query reports it.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

function explained(error: unknown, url: string): SetupError {
  const reason = error instanceof Error ? error.message || codeOf(error) : String(error);
  return new SetupError(`Cannot connect to PostgreSQL at ${placeOf(url)}: ${reason}. Check DATABASE_URL.`, error);
}

function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname || "localhost"}:${port || "5432"}${pathname}`;
}

function isForbidden(error: unknown): boolean {
  return ["28000", "28P01", "42501"].includes(codeOf(error) ?? "");
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}
