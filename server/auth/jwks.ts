import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { importJWK, type CryptoKey, type JWK } from "jose";
import { projectDir } from "../../lib/config.ts";
import type { Log } from "../../lib/log.ts";
import type { ForeignAlgorithm } from "./issuer-settings.ts";

/** The public keys of an issuer. */
export interface Jwks {
  /** The key of an id that signs by an algorithm; undefined when the issuer has none. Throws when its keys were never seen. */
  find(keyId: string | undefined, algorithm: string): Promise<CryptoKey | undefined>;
}

/** Where keys come from. */
export interface JwksOptions {
  /** A URL, or the path of a file. */
  readonly source: string;
  readonly algorithms: readonly ForeignAlgorithm[];
  readonly log: Log;
  /** Milliseconds since some moment. */
  readonly clock?: () => number;
}

interface Key {
  readonly keyId: string | undefined;
  /** Bound to the key, so that no token chooses how its key is used (RFC 8725, 3.1). */
  readonly algorithm: ForeignAlgorithm;
  readonly key: CryptoKey;
}

/** The issuer is asked no more often than this, in milliseconds, whatever key ids are sent to us. */
const restMs = 30_000;
/** Keys are asked for anew when they are older than this, in milliseconds. */
const freshMs = 600_000;
const fetchMs = 5_000;
const bytesMax = 262_144;

/** The keys of an issuer: kept, asked for again when a token names an unknown one, and kept on while the issuer is down. */
export function createJwks({ source, algorithms, log, clock = () => performance.now() }: JwksOptions): Jwks {
  let keys: readonly Key[] | undefined;
  let askedAt = -Infinity;
  let asking: Promise<void> | undefined;

  const ask = async () => {
    try {
      keys = await readKeys(source, algorithms);
    } catch (error) {
      log.warn({ err: error, source }, "the keys of an issuer cannot be read; going on with those that are known");
    }
  };
  /** Asks at most once in a while; who comes meanwhile waits for the same answer. */
  const refresh = (): Promise<void> => {
    if (asking !== undefined) return asking;
    if (askedAt + restMs > clock()) return Promise.resolve();
    askedAt = clock();
    return (asking = ask().finally(() => (asking = undefined)));
  };
  const look = (keyId: string | undefined, algorithm: string): CryptoKey | undefined => {
    const fitting = (keys ?? []).filter((key) => key.algorithm === algorithm);
    if (keyId !== undefined) return fitting.find((key) => key.keyId === keyId)?.key;
    // Without an id there must be no choice.
    return fitting.length === 1 ? fitting[0]!.key : undefined;
  };

  return {
    async find(keyId, algorithm) {
      if (keys !== undefined && askedAt + freshMs <= clock()) void refresh();
      const known = look(keyId, algorithm);
      if (known !== undefined) return known;
      await refresh();
      if (keys === undefined) throw new Error(`The keys at ${source} could not be read.`);
      return look(keyId, algorithm);
    },
  };
}

async function readKeys(source: string, algorithms: readonly ForeignAlgorithm[]): Promise<Key[]> {
  const text = /^https?:/.test(source) ? await fetchText(source) : await readFile(resolve(projectDir, source), "utf8");
  const set = JSON.parse(text) as { keys?: unknown };
  if (!Array.isArray(set.keys)) throw new Error("This is no JSON Web Key Set: it has no list of keys.");
  const keys: Key[] = [];
  for (const jwk of set.keys as JWK[]) {
    const algorithm = algorithmOf(jwk, algorithms);
    if (algorithm === undefined || (jwk.use !== undefined && jwk.use !== "sig")) continue;
    const { kty, n, e, crv, x, y } = jwk;
    // Only what is public of it; a key that cannot be read spoils none of the others.
    const key = await importJWK({ kty, n, e, crv, x, y } as JWK, algorithm).catch(() => undefined);
    if (key instanceof Uint8Array || key === undefined) continue;
    keys.push({ keyId: jwk.kid, algorithm, key });
  }
  return keys;
}

/** How a key signs: as it says itself, or in the one way that is accepted of its kind. */
function algorithmOf({ kty, crv, alg }: JWK, algorithms: readonly ForeignAlgorithm[]): ForeignAlgorithm | undefined {
  const ofItsKind: readonly string[] =
    kty === "RSA"
      ? ["RS256", "PS256"]
      : kty === "EC" && crv === "P-256"
        ? ["ES256"]
        : kty === "OKP" && crv === "Ed25519"
          ? ["EdDSA"]
          : [];
  const said = alg === "Ed25519" ? "EdDSA" : alg;
  const possible = algorithms.filter((each) => ofItsKind.includes(each) && (said === undefined || said === each));
  return possible.length === 1 ? possible[0] : undefined;
}

async function fetchText(url: string): Promise<string> {
  const signal = AbortSignal.timeout(fetchMs);
  const response = await fetch(url, { signal, redirect: "error", headers: { accept: "application/json" } });
  if (!response.ok || response.body === null) throw new Error(`${url} answered with ${response.status}.`);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > bytesMax) throw new Error(`${url} answered with more than ${bytesMax} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
