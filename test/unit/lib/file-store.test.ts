import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { nameExportFile } from "../../../lib/export-files.ts";
import { createDiskStore, type FileStore } from "../../../lib/file-store.ts";

const tenantId = "01900000-0000-7000-8000-00000000000a";
let folder: string;
let store: FileStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rowhouse-store-"));
  await writeFile(join(folder, "outside"), "precious");
  store = createDiskStore(join(folder, "files"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

describe("the file store", () => {
  it("keeps a stream, tells its size and SHA-256, and reads it back in whole or in part", async () => {
    const key = `${tenantId}/exports/a.csv`;
    const facts = await store.put(key, chunks("hello, ", "", "world"));
    expect(facts).toEqual({ byteCount: 12, sha256: createHash("sha256").update("hello, world").digest("hex") });
    expect(await store.size(key)).toBe(12);
    expect((await buffer(store.read(key))).toString()).toBe("hello, world");
    expect((await buffer(store.read(key, { start: 7, end: 9 }))).toString()).toBe("wor");
  });

  it("keeps the order of bytes, however they are cut", async () => {
    const all = Buffer.from(Array.from({ length: 2_000_000 }, (_, i) => (i * 31 + (i >> 9)) % 251));
    async function* cut() {
      const sizes = [1, 7, 300_000, 65_536, 262_144, 2, 524_288, 262_143];
      for (let at = 0, turn = 0; at < all.length; turn++) {
        const size = sizes[turn % sizes.length]!;
        yield all.subarray(at, at + size);
        at += size;
      }
    }
    const facts = await store.put(`${tenantId}/long`, cut());
    expect(facts).toEqual({ byteCount: all.length, sha256: createHash("sha256").update(all).digest("hex") });
    expect(all.equals(await buffer(store.read(`${tenantId}/long`)))).toBe(true);
  });

  it("shows nothing of a stream that breaks off, and keeps what was there", async () => {
    const key = `${tenantId}/exports/b.csv`;
    await store.put(key, chunks("old"));
    async function* broken() {
      yield Buffer.from("new");
      throw new Error("the line was cut");
    }
    await expect(store.put(key, broken())).rejects.toThrow("the line was cut");
    expect((await buffer(store.read(key))).toString()).toBe("old");
    expect((await readdir(join(folder, "files", tenantId, "exports"))).filter((name) => name.includes("part"))).toEqual(
      [],
    );
  });

  it("stops when it is told to", async () => {
    const aborter = new AbortController();
    async function* endless() {
      for (let i = 0; ; i++) {
        if (i === 3) aborter.abort(new Error("enough"));
        yield Buffer.from("again ");
      }
    }
    await expect(store.put(`${tenantId}/c`, endless(), aborter.signal)).rejects.toThrow("enough");
    await expect(store.size(`${tenantId}/c`)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("removes a file or all of a folder, and does not mind when there is none", async () => {
    await store.put(`${tenantId}/d/one`, chunks("1"));
    await store.put(`${tenantId}/d/two`, chunks("2"));
    await store.remove(`${tenantId}/d/one`);
    await store.remove(`${tenantId}/d/one`);
    await store.removeAll(`${tenantId}/d`);
    await store.removeAll(`${tenantId}/d`);
    await expect(store.size(`${tenantId}/d/two`)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it.each([
    "../outside",
    "outside",
    tenantId,
    `${tenantId}/`,
    `${tenantId}/..`,
    `${tenantId}/../../outside`,
    `${tenantId}/a/../../../outside`,
    `${tenantId}/a//b`,
    `${tenantId}/.hidden`,
    `${tenantId}/a\\..\\b`,
    `${tenantId}/a\0b`,
    `${tenantId}/a\n`,
    `${tenantId}/%2e%2e`,
    `/${tenantId}/a`,
    `${tenantId.toUpperCase()}/a`,
    `${tenantId}/${"a".repeat(201)}`,
    "",
  ])("has no place for the key %j", async (key) => {
    await expect(store.put(key, chunks("x"))).rejects.toThrow(/is no key/);
    expect(() => store.read(key)).toThrow(/is no key/);
    await expect((async () => store.remove(key))()).rejects.toThrow(/is no key/);
    await expect((async () => store.removeAll(key))()).rejects.toThrow(/is no key/);
    expect(await readFile(join(folder, "outside"), "utf8")).toBe("precious");
  });
});

describe("the name of an export's file", () => {
  const day = new Date("2026-01-31T23:00:00Z");
  it.each([
    ["Members", "Members 2026-01-31.csv"],
    ["Zoë's 李 list", "Zoë's 李 list 2026-01-31.csv"],
    ["../../etc/passwd", "etc passwd 2026-01-31.csv"],
    ['a"b\r\nX: y', "a b X y 2026-01-31.csv"],
    ["...", "2026-01-31.csv"],
    ["🏡".repeat(150), `${"🏡".repeat(100)} 2026-01-31.csv`],
  ])("of the list %j is %j", (list, name) => {
    expect(nameExportFile(list, "csv", false, day).fileName).toBe(name);
  });
});
