import { BlockList, isIP } from "node:net";
import type { Pool } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { hashOfApiKey, isWholeApiKey } from "./api-key-format.ts";
import type { KeyUses } from "./key-uses.ts";
import type { Revocations } from "./revocations.ts";
import type { Session, TokenRole } from "./session.ts";

/** Signs programs in by their API keys. */
export interface ApiKeys {
  /** The session of a key that comes from an address. Throws UNAUTHENTICATED, or FORBIDDEN for a wrong address. */
  verify(key: string, ipAddress: string | undefined): Promise<Session>;
}

/** What is known of a key: found in the database, and remembered for a while. */
interface Found {
  readonly session: Session;
  readonly networks: BlockList | undefined;
  readonly versions: readonly (readonly [id: string, version: number])[];
  readonly forgetAt: number;
}

interface Row {
  readonly problem: string | null;
  readonly api_key_id: string;
  readonly tenant_id: string;
  readonly membership_id: string | null;
  readonly actor_id: string;
  readonly role: TokenRole;
  readonly scopes: string[];
  readonly networks: string[];
  readonly expires_at: number | null;
  readonly key_version: string;
  readonly tenant_version: string;
  readonly membership_version: string | null;
}

/** How long a key is remembered, in milliseconds, and how many are. */
const rememberMs = 20_000;
const remembered = 10_000;

/**
 * API keys, looked up by their hash. What is remembered ends with any change of the key, its maker's membership or its
 * tenant, in every process within a second: the servers ask for changes, and one that cannot ask remembers nothing.
 */
export function createApiKeys(
  pool: Pool,
  revocations: Pick<Revocations, "isCurrent">,
  uses: Pick<KeyUses, "note">,
): ApiKeys {
  const known = new Map<string, Found>();
  const asked = new Map<string, Promise<Found>>();

  const look = (hash: string): Promise<Found> => {
    let answer = asked.get(hash);
    if (answer === undefined) {
      answer = find(pool, hash).finally(() => asked.delete(hash));
      asked.set(hash, answer);
    }
    return answer;
  };

  return {
    async verify(key, ipAddress) {
      if (!isWholeApiKey(key)) throw refused("is not complete, or was mistyped");
      const hash = hashOfApiKey(key);
      let found = known.get(hash);
      if (found === undefined || found.forgetAt <= Date.now() || !revocations.isCurrent(found.versions)) {
        known.delete(hash);
        found = await look(hash);
        // The oldest goes first: a map gives its keys in the order in which they came.
        if (known.size >= remembered) known.delete(known.keys().next().value!);
        known.set(hash, found);
      }
      if (found.networks !== undefined && !includes(found.networks, ipAddress)) {
        throw new RowhouseError(
          "FORBIDDEN",
          `This API key may not be used from the address ${ipAddress ?? "unknown"}.`,
        );
      }
      uses.note(found.session.tenantId!, found.session.apiKeyId!);
      return found.session;
    },
  };
}

/** One round trip; the hash is hexadecimal, so nothing in it needs quoting. */
async function find(pool: Pool, hash: string): Promise<Found> {
  const sql = `begin read only; set local role rowhouse_identity; select * from private.find_api_key('${hash}'); commit`;
  const client = await pool.connect();
  let broken: Error | undefined;
  let row: Row | undefined;
  try {
    const results = (await client.query(sql)) as unknown as readonly { rows: Row[] }[];
    row = results[2]!.rows[0];
  } catch (error) {
    await client.query("rollback").catch((failure: Error) => (broken = failure));
    throw error;
  } finally {
    client.release(broken);
  }
  if (row === undefined) throw refused("is not known");
  if (row.problem !== null) throw refused(row.problem);
  return foundOf(row);
}

function foundOf(row: Row): Found {
  const { role, scopes, expires_at } = row;
  const versions: [string, number][] = [
    [row.api_key_id, Number(row.key_version)],
    [row.tenant_id, Number(row.tenant_version)],
  ];
  if (row.membership_id !== null) versions.push([row.membership_id, Number(row.membership_version)]);
  const now = Date.now();
  return {
    session: Object.freeze({
      tenantId: row.tenant_id,
      actorId: row.actor_id,
      apiKeyId: row.api_key_id,
      role,
      ...(scopes.length > 0 && { scopes }),
      ...(expires_at !== null && { expiresAt: expires_at }),
    }),
    networks: row.networks.length === 0 ? undefined : blockListOf(row.networks),
    versions,
    forgetAt: Math.min(now + rememberMs, expires_at === null ? Infinity : expires_at * 1000),
  };
}

const family = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address, bits] = network.split("/") as [string, string | undefined];
    const kind = family(address);
    list.addSubnet(address, Number(bits ?? (kind === "ipv6" ? 128 : 32)), kind);
  }
  return list;
}

function includes(networks: BlockList, address: string | undefined): boolean {
  return address !== undefined && isIP(address) !== 0 && networks.check(address, family(address));
}

function refused(reason: string): RowhouseError {
  return new RowhouseError("UNAUTHENTICATED", `The API key ${reason}. Use another one.`);
}
