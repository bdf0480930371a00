import { describe, expect, test } from "@jest/globals";
import validator from "validator";
import { normaliseEmail } from "../../lib/email-address.ts";

describe("normaliseEmail", () => {
  test.each([
    ["ada@lovelace.org", "ada@lovelace.org"],
    ["  Ada@Lovelace.ORG\r\n", "ada@lovelace.org"],
    ["Ada Lovelace <Ada@Lovelace.org>", "ada@lovelace.org"],
    ["<ada@lovelace.org>", "ada@lovelace.org"],
    ["mailto:ada@lovelace.org", "ada@lovelace.org"],
    ["o'brien+news@mail.example.co.uk", "o'brien+news@mail.example.co.uk"],
    ["x@bücher.de", "x@bücher.de"],
    ["jose\u0301@example.com", "jos\u00e9@example.com"],
    [`${"a".repeat(64)}@example.com`, `${"a".repeat(64)}@example.com`],
  ])("reads %p as %s", (raw, address) => {
    expect(normaliseEmail(raw)).toBe(address);
  });

  test.each([
    "",
    "ada",
    "ada@",
    "@lovelace.org",
    "ada@localhost",
    "ada@lovelace",
    "ada@lovelace..org",
    "ada.@lovelace.org",
    "a b@lovelace.org",
    "a@b.com; c@d.com",
    "a@b.com,c@d.com",
    "a@b@c.com",
    "ada\u0000@lovelace.org",
    "ada@love\u0000lace.org",
    "\ud800@lovelace.org",
    `${"a".repeat(65)}@example.com`,
    `ada@${"a".repeat(64)}.com`,
    `ada@${"a.".repeat(200)}com`,
    "a".repeat(1_000_000),
    `${"a-".repeat(120)}@`,
    null,
    undefined,
    5,
    {},
    ["ada@lovelace.org"],
  ])("finds no address in %p", (raw) => {
    expect(normaliseEmail(raw)).toBeNull();
  });

  test("agrees with validator on every combination of tricky local parts and domains", () => {
    const locals = [
      "a",
      "a.b",
      "a..b",
      ".a",
      "a.",
      "a-b",
      "-",
      "_",
      "a+b",
      "+",
      "1",
      "a".repeat(64),
      "a".repeat(65),
      "ü",
      "a'b",
    ];
    const labels = [
      "a",
      "a-b",
      "a--b",
      "-a",
      "a-",
      "1",
      "a".repeat(63),
      "a".repeat(64),
      "",
      "a_b",
      "ü",
      "xn--bcher-kva",
    ];
    const tlds = ["com", "c", "c1", "xn--p1ai", "ß", "co.uk", ""];
    for (const local of locals) {
      for (const label of labels) {
        for (const tld of tlds) {
          const raw = `${local}@${label}.${tld}`;
          const isAddress = raw.length <= 254 && validator.isEmail(raw);
          expect([raw, normaliseEmail(raw)]).toEqual([raw, isAddress ? raw : null]);
        }
      }
    }
  });

  test("is its own fixed point", () => {
    for (const raw of ["Ada <ADA@Lovelace.org>", "İ@example.com", "ΟΔΟΣ@example.com"]) {
      const once = normaliseEmail(raw);
      expect(once).not.toBeNull();
      expect(normaliseEmail(once)).toBe(once);
    }
  });
});
