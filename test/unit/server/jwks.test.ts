import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { pino } from "pino";
import type { ForeignAlgorithm } from "../../../server/auth/issuer-settings.ts";
import { createJwks } from "../../../server/auth/jwks.ts";

const log = pino({ level: "silent" });
let provider: Server;
let url: string;
let answer: { status: number; body: string };
let asked: number;
let now: number;
let one: JWK;
let two: JWK;

beforeAll(async () => {
  const pair = async (kid: string) => ({ ...(await exportJWK((await generateKeyPair("ES256")).publicKey)), kid });
  [one, two] = [await pair("one"), await pair("two")];
  provider = createServer((_req, res) => {
    asked++;
    res.writeHead(answer.status, { "content-type": "application/json", location: "/elsewhere" }).end(answer.body);
  });
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/keys`;
});
beforeEach(() => {
  asked = 0;
  now = 1_000_000;
  gives(one);
});
afterAll(() => void provider.close());

const gives = (...keys: object[]) => void (answer = { status: 200, body: JSON.stringify({ keys }) });
const jwksOf = (source = url, algorithms: readonly ForeignAlgorithm[] = ["ES256"]) =>
  createJwks({ source, algorithms, log, clock: () => now });

describe("the keys of an issuer", () => {
  it("are asked for once, also by many at a time", async () => {
    const jwks = jwksOf();
    const found = await Promise.all(Array.from({ length: 20 }, () => jwks.find("one", "ES256")));
    expect(found.every((key) => key !== undefined)).toBe(true);
    expect(asked).toBe(1);
  });

  it("are asked for again for an unknown id, and no more often than every half a minute", async () => {
    const jwks = jwksOf();
    await jwks.find("one", "ES256");
    gives(one, two);
    for (let i = 0; i < 10; i++) expect(await jwks.find(`unknown ${i}`, "ES256")).toBeUndefined();
    expect(asked).toBe(1);
    now += 30_001;
    expect(await jwks.find("two", "ES256")).toBeDefined();
    expect(asked).toBe(2);
  });

  it("stay as they were while the issuer is down, or answers with something else", async () => {
    const jwks = jwksOf();
    await jwks.find("one", "ES256");
    for (const bad of [
      { status: 503, body: "" },
      { status: 302, body: "" },
      { status: 200, body: "<html>" },
      { status: 200, body: "{}" },
      { status: 200, body: JSON.stringify({ keys: [], padding: "x".repeat(300_000) }) },
    ]) {
      answer = bad;
      now += 30_001;
      expect(await jwks.find("two", "ES256")).toBeUndefined();
      expect(await jwks.find("one", "ES256")).toBeDefined();
    }
    expect(asked).toBeGreaterThanOrEqual(6);
  });

  it("that were never seen are an error, and not a refusal", async () => {
    answer = { status: 500, body: "" };
    await expect(jwksOf().find("one", "ES256")).rejects.toThrow("could not be read");
  });

  it("are forgotten once the issuer has withdrawn them", async () => {
    const jwks = jwksOf();
    await jwks.find("one", "ES256");
    gives(two);
    now += 600_001;
    // The first to come is answered by what was known, and has the keys read again.
    await jwks.find("one", "ES256");
    await expect(jwks.find("two", "ES256")).resolves.toBeDefined();
    expect(await jwks.find("one", "ES256")).toBeUndefined();
  });

  it("sign in one way each, whatever a token says", async () => {
    const rsa = await exportJWK((await generateKeyPair("RS256")).publicKey);
    const secret = { kty: "oct", k: "c2VjcmV0", kid: "oct" };
    gives({ ...rsa, kid: "rs", alg: "RS256" }, { ...rsa, kid: "any" }, { ...rsa, kid: "enc", use: "enc" }, secret, one);
    const jwks = jwksOf(url, ["RS256", "PS256", "ES256"]);
    expect(await jwks.find("rs", "RS256")).toBeDefined();
    for (const [id, algorithm] of [
      ["rs", "PS256"],
      ["any", "RS256"],
      ["any", "PS256"],
      ["enc", "RS256"],
      ["oct", "HS256"],
      ["one", "RS256"],
    ] as const)
      expect(await jwks.find(id, algorithm)).toBeUndefined();
    // Without an id there must be no choice.
    expect(await jwks.find(undefined, "ES256")).toBeDefined();
    gives(one, two);
    expect(await jwksOf().find(undefined, "ES256")).toBeUndefined();
  });

  it("may stand in a file, which is read again", async () => {
    const folder = await mkdtemp(join(tmpdir(), "jwks-"));
    try {
      const file = join(folder, "keys.json");
      await writeFile(file, JSON.stringify({ keys: [one] }));
      const jwks = jwksOf(file);
      expect(await jwks.find("one", "ES256")).toBeDefined();
      await writeFile(file, JSON.stringify({ keys: [two] }));
      now += 30_001;
      expect(await jwks.find("two", "ES256")).toBeDefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
