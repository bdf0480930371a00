import { describe, expect, test } from "@jest/globals";
import { parsePhoneNumberFromString, type CountryCode } from "libphonenumber-js/max";
import { normalisePhone, readPhone } from "../../lib/phone-number.ts";

/** A small generator with a seed, so that a failure can be seen again. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function expected(raw: string, country: CountryCode): string | null {
  const phone = parsePhoneNumberFromString(raw, country);
  return phone?.isValid() ? phone.number : null;
}

const FORMS: readonly ((digits: string) => string)[] = [
  (d) => d,
  (d) => `1${d}`,
  (d) => `+1${d}`,
  (d) => `+${d}`,
  (d) => `(${d.slice(0, 3)}) ${d.slice(3, 6)}-${d.slice(6)}`,
  (d) => `${d.slice(0, 3)}.${d.slice(3, 6)}.${d.slice(6)}`,
  (d) => `1-${d.slice(0, 3)}-${d.slice(3, 6)}-${d.slice(6)}`,
  (d) => `+1 (${d.slice(0, 3)})${d.slice(3)}`,
  (d) => `(+1) ${d}`,
  (d) => `  ${d} - `,
  (d) => [...d].join("-"),
  (d) => [...d].join(" . "),
];
const COUNTRIES = ["US", "CA", "PR", "AG", "DO", "JM", "GB", "DE"] as const;

describe("the short way for plain North American numbers", () => {
  test("agrees with libphonenumber on 20,000 random numbers in every form and country", () => {
    const below = randomNumbers(7);
    let valid = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const areaCode = below(20) === 0 ? below(1000) : 200 + below(800);
      const digits = String(areaCode).padStart(3, "0") + String(below(10_000_000)).padStart(7, "0");
      const raw = FORMS[below(FORMS.length)]?.(digits) ?? digits;
      const country = COUNTRIES[below(COUNTRIES.length)] ?? "US";
      const parsed = parsePhoneNumberFromString(raw, country);
      const reading = readPhone(raw, country);
      const context = { raw, country };
      expect({ ...context, e164: normalisePhone(raw, country) }).toEqual({ ...context, e164: expected(raw, country) });
      if (!parsed?.isValid()) continue;
      valid += 1;
      expect({ ...context, type: reading?.type, country: reading?.country, ext: reading?.extension }).toEqual({
        ...context,
        type: parsed.getType()?.toLowerCase(),
        country: parsed.country ?? null,
        ext: parsed.ext ?? null,
      });
    }
    expect(valid).toBeGreaterThan(2_000);
  });

  test("agrees with libphonenumber on every area code", () => {
    for (let areaCode = 200; areaCode < 1000; areaCode += 1) {
      for (const rest of ["2345678", "5550123", "1234567", "0000000", "9999999", "4640000", "2090000"]) {
        const raw = `${areaCode}${rest}`;
        expect([raw, normalisePhone(raw)]).toEqual([raw, expected(raw, "US")]);
      }
    }
  });
});

describe("normalisePhone", () => {
  test.each([
    ["202-224-3441", "+12022243441"],
    ["(202) 224-3441 x123", "+12022243441"],
    ["(202) 224-3441 ext. 5", "+12022243441"],
    ["tel:+1-202-224-3441", "+12022243441"],
    ["+44 20 7946 0958", "+442079460958"],
    ["Call 202.224.3441 now", "+12022243441"],
    ["202-224-3441 / 202-224-9999", "+12022243441"],
    ["n/a; 202-224-3441", "+12022243441"],
    ["1-800-FLOWERS", "+18003569377"],
    ["٢٠٢٢٢٤٣٤٤١", "+12022243441"],
    [2022243441, "+12022243441"],
  ])("reads %p as %s", (raw, e164) => {
    expect(normalisePhone(raw, "US")).toBe(e164);
  });

  test.each([
    "",
    " ",
    "n/a",
    "000-000-0000",
    "555-555-5555",
    "1234567890",
    "123",
    "9".repeat(200),
    "1".repeat(1_000_000),
    "\u0000",
    "+",
    "☎",
    null,
    undefined,
    {},
    ["202-224-3441"],
    Number.NaN,
    true,
  ])("finds no number in %p", (raw) => {
    expect(normalisePhone(raw, "US")).toBeNull();
  });

  test("reads a national number in the default country and an international one in any", () => {
    expect(normalisePhone("020 7946 0958", "GB")).toBe("+442079460958");
    expect(normalisePhone("020 7946 0958", "US")).toBeNull();
    expect(normalisePhone("+44 20 7946 0958", "US")).toBe("+442079460958");
    expect(normalisePhone("+44 20 7946 0958", "nowhere")).toBe("+442079460958");
  });
});
