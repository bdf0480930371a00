import { createHmac, createHash, pbkdf2Sync, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { escapeIdentifier, escapeLiteral, type Client } from "pg";
import { connectAdmin, maintenanceUrl } from "./admin-connection.ts";
import { projectDir } from "./config.ts";
import { type DatabaseUrls } from "./database-urls.ts";

/**
 * Makes the cluster's roles from db/roles.sql and gives the login roles the passwords that their URLs hold. May run any
 * number of times, and at the same time from several processes: advisory locks belong to one database, so all of them
 * meet in the maintenance database.
 */
export async function ensureRoles(urls: DatabaseUrls): Promise<void> {
  const client = await connectAdmin(await maintenanceUrl(urls.admin));
  try {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock(hashtext('rowhouse roles'))");
    await client.query(await readFile(join(projectDir, "db/roles.sql"), "utf8"));
    await grantToAdministrator(client);
    await setPassword(client, "rowhouse_server", urls.server);
    await setPassword(client, "rowhouse_worker", urls.worker);
    await client.query("commit");
  } finally {
    await client.end();
  }
}

/** An administrator that is no superuser (as on hosted servers) needs leave to act as the roles it has just made. */
async function grantToAdministrator(client: Client): Promise<void> {
  const { rows } = await client.query<{ rolsuper: boolean }>(
    "select rolsuper from pg_roles where rolname = current_user",
  );
  if (rows[0]?.rolsuper) return;
  await client.query("grant rowhouse_owner, rowhouse_worker to current_user with set true, inherit true");
}

/** The password is sent as its SCRAM verifier, so that no log of the server ever holds it. */
async function setPassword(client: Client, role: string, url: string): Promise<void> {
  const { username, password } = new URL(url);
  if (decodeURIComponent(username) !== role || password === "") return;
  const verifier = scramVerifier(decodeURIComponent(password));
  await client.query(`alter role ${escapeIdentifier(role)} password ${escapeLiteral(verifier)}`);
}

function scramVerifier(password: string): string {
  const iterations = 4096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password.normalize("NFKC"), salt, iterations, 32, "sha256");
  const key = (label: string) => createHmac("sha256", salted).update(label).digest();
  const stored = createHash("sha256").update(key("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored}:${key("Server Key").toString("base64")}`;
}
