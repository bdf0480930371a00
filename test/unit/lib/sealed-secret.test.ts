import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { loadConfig } from "../../../lib/config.ts";
import { type KeySettings, openSecret, sealedPrefix, sealSecret } from "../../../lib/sealed-secret.ts";

const newKey = () => randomBytes(32).toString("base64");
const settings = (encryptionKeys?: string[], secret = "s".repeat(32)): KeySettings => ({ secret, encryptionKeys });
const [first, second] = [newKey(), newKey()];

test("a secret is opened by the key and the context it was sealed with", () => {
  for (const plaintext of ["", "p4ss", "ünïcode 🔑", "x".repeat(100_000)]) {
    expect(openSecret(settings([first]), sealSecret(settings([first]), plaintext, "a:1"), "a:1")).toBe(plaintext);
  }
});

test("what is sealed does not show the secret, and is never the same twice", () => {
  const [one, two] = [sealSecret(settings([first]), "visible", "a:1"), sealSecret(settings([first]), "visible", "a:1")];
  expect(one.includes("visible")).toBe(false);
  expect(one.equals(two)).toBe(false);
});

test("a secret of one row opens in no other", () => {
  const sealed = sealSecret(settings([first]), "secret", "a:1");
  expect(() => openSecret(settings([first]), sealed, "a:2")).toThrow("The secret a:2 cannot be decrypted");
});

test("a changed, cut or foreign value is refused, wherever it was changed", () => {
  const sealed = sealSecret(settings([first]), "secret", "a:1");
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    expect(() => openSecret(settings([first]), changed, "a:1")).toThrow("The secret a:1");
    expect(() => openSecret(settings([first]), sealed.subarray(0, at), "a:1")).toThrow("The secret a:1");
  }
});

test("the first key seals, every key opens; one that is missing is named", () => {
  const old = sealSecret(settings([first]), "secret", "a:1");
  expect(openSecret(settings([second, first]), old, "a:1")).toBe("secret");
  expect(() => openSecret(settings([second]), old, "a:1")).toThrow(/encrypted with key [0-9a-f]{16}, which is not in/);
  const current = sealSecret(settings([second, first]), "secret", "a:1");
  expect(current.subarray(0, 9).equals(sealedPrefix(settings([second])))).toBe(true);
});

test("without keys one is derived from ROWHOUSE_SECRET, and opens what it sealed after keys were added", () => {
  const derived = sealSecret(settings(), "secret", "a:1");
  expect(openSecret(settings([first]), derived, "a:1")).toBe("secret");
  expect(() => openSecret(settings(undefined, "t".repeat(32)), derived, "a:1")).toThrow("which is not in");
});

test("what a derived key sealed opens as long as its secret is among the former ones", () => {
  const derived = sealSecret(settings(), "secret", "a:1");
  const later: KeySettings = { secret: "t".repeat(32), encryptionKeys: undefined, previousSecrets: ["s".repeat(32)] };
  expect(openSecret(later, derived, "a:1")).toBe("secret");
  expect(sealedPrefix(later).equals(derived.subarray(0, 9))).toBe(false);
});

test("a key that is none is refused at the start, and not shown", () => {
  for (const bad of ["short", `${first},`, first.slice(1)]) {
    const load = () => loadConfig({ NODE_ENV: "test", ROWHOUSE_SECRET: "s".repeat(32), ROWHOUSE_ENCRYPTION_KEYS: bad });
    expect(load).toThrow("ROWHOUSE_ENCRYPTION_KEYS: must be keys of 32 bytes in Base64");
    expect(load).not.toThrow(bad);
  }
});
