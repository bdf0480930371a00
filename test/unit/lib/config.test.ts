import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { loadConfig, redactConfig, type Environment } from "../../../lib/config.ts";

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "rowhouse-config-"));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

const load = (environment: Environment = {}) => loadConfig({ ROWHOUSE_DATA_DIR: dataDir, ...environment });

test("without any variable everything has its default", () => {
  expect(load()).toMatchObject({
    host: "127.0.0.1",
    port: 5678,
    nodeEnv: "development",
    publicUrl: "http://127.0.0.1:5678",
  });
});

test("an empty variable counts as unset", () => {
  expect(load({ PORT: "", ROWHOUSE_POOL_SIZE: "" })).toMatchObject({ port: 5678, poolSize: 20 });
});

test("the settings cannot be changed afterwards", () => {
  expect(Object.isFrozen(load())).toBe(true);
});

describe("a wrong setting is refused", () => {
  test.each([
    ["PORT", "http", /PORT \("http"\): must be a number/],
    ["PORT", "65536", /PORT \("65536"\): .*65535/],
    ["DATABASE_URL", "mysql://x", /DATABASE_URL: must look like postgres:\/\//],
    ["DATABASE_URL", "postgres://user@host", /DATABASE_URL: must look like .*\/database/],
    ["NODE_ENV", "prod", /NODE_ENV \("prod"\): .*"production"/],
    ["ROWHOUSE_SECRET", "short", /ROWHOUSE_SECRET: must have at least 32 characters/],
    ["ROWHOUSE_EMBEDDED_SHARED_BUFFERS", "lots", /must be a size such as 256MB/],
    ["ROWHOUSE_PUBLIC_URL", "ftp://x", /ROWHOUSE_PUBLIC_URL/],
  ])("%s=%s", (name, value, message) => {
    expect(() => load({ [name]: value })).toThrow(message);
  });

  test("all of them at once, so that one try is enough", () => {
    expect(() => load({ PORT: "x", ROWHOUSE_POOL_SIZE: "0" })).toThrow(/PORT.*\n.*ROWHOUSE_POOL_SIZE/s);
  });

  test("a misspelt one, with the name that was probably meant", () => {
    expect(() => load({ ROWHOUSE_JWT_ISUER: "x" })).toThrow(
      "ROWHOUSE_JWT_ISUER is not a setting; did you mean ROWHOUSE_JWT_ISSUER?",
    );
  });

  test("without showing what a secret held", () => {
    expect(() => load({ DATABASE_URL: "hunter2" })).toThrow(/^(?!.*hunter2)/s);
  });
});

describe("the secret", () => {
  test("is made once for a development machine, and only its owner may read it", () => {
    const { secret } = load();
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(load().secret).toBe(secret);
    expect(statSync(join(dataDir, "secret")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dataDir, "secret"), "utf8").trim()).toBe(secret);
  });

  test("must be given in production", () => {
    expect(() => load({ NODE_ENV: "production" })).toThrow(/ROWHOUSE_SECRET is not set/);
    expect(load({ NODE_ENV: "production", ROWHOUSE_SECRET: "s".repeat(32) }).secret).toBe("s".repeat(32));
  });

  test("is not printed, and neither is the password in a connection", () => {
    const config = load({ DATABASE_URL: "postgres://me:hunter2@db.example/rows", ROWHOUSE_SECRET: "s".repeat(40) });
    const printed = redactConfig(config);
    expect(printed).toMatchObject({ DATABASE_URL: "[redacted]", ROWHOUSE_SECRET: "[redacted]", PORT: 5678 });
    expect(JSON.stringify(printed)).not.toMatch(/hunter2|ssss/);
  });
});

test.each([
  ["0.0.0.0", "http://localhost:5678"],
  ["::1", "http://[::1]:5678"],
])("the public URL follows HOST %s", (host, url) => {
  expect(load({ HOST: host }).publicUrl).toBe(url);
});
