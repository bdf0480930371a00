import { describe, expect, it } from "@jest/globals";
import type { EntryFields } from "../../../worker/blocks/block.ts";
import { prepareBlock } from "../../../worker/blocks/index.ts";
import { enrichEntry, faultReason, type Step } from "../../../worker/enrichment/enrich-entry.ts";
import { prepareSteps } from "../../../worker/enrichment/plan-steps.ts";

const noFault = (block: string, error: unknown) => {
  throw new Error(`${block} broke`, { cause: error });
};

/** A step that always claims these fields. */
function claiming(name: string, fields: EntryFields, seen: EntryFields[] = []): Step {
  const provenance = Object.fromEntries(Object.keys(fields).map((field) => [field, { source: name, version: "1" }]));
  const writes = Object.keys(fields) as Step["writes"];
  return {
    name,
    reads: writes,
    writes,
    run(entry) {
      seen.push({ ...entry });
      return { status: "found", fields, found: fields as Record<string, unknown>, provenance };
    },
  };
}

const breaking: Step = {
  name: "breaking",
  reads: [],
  writes: [],
  run() {
    throw new Error("secret of the inside");
  },
};

describe("an entry that goes through its steps", () => {
  it("shows each step what the ones before it found", () => {
    const seen: EntryFields[] = [];
    enrichEntry([claiming("a", { city: "Boston" }), claiming("b", { state: "MA" }, seen)], {}, noFault);
    expect(seen).toEqual([{ city: "Boston" }]);
  });

  it("keeps what an earlier step found when a later one claims the same field", () => {
    const steps = [claiming("a", { city: "Boston" }), claiming("b", { city: "Chelsea", state: "MA" })];
    const { changes, outcomes } = enrichEntry(steps, {}, noFault);
    expect(changes).toEqual({ city: "Boston", state: "MA" });
    expect(outcomes[1]?.provenance).toEqual({ state: { source: "b", version: "1" } });
  });

  it("calls a step unchanged of which nothing is left to write", () => {
    const steps = [claiming("a", { city: "Boston" }), claiming("b", { city: "Chelsea" })];
    expect(enrichEntry(steps, {}, noFault).outcomes.map(({ status }) => status)).toEqual(["found", "unchanged"]);
  });

  it("lets a later step fill what an earlier one cleared", () => {
    const { changes } = enrichEntry([claiming("a", { city: null }), claiming("b", { city: "Chelsea" })], {}, noFault);
    expect(changes).toEqual({ city: "Chelsea" });
  });

  it("notes the value that was replaced, where there was one", () => {
    const step = claiming("a", { city: "Boston", phoneStatus: "valid", isEmailFree: true, county: "Suffolk" });
    const before: EntryFields = { city: "BOSTON", phoneStatus: "unknown", isEmailFree: false, county: null };
    const { provenance } = enrichEntry([step], before, noFault).outcomes[0]!;
    const origin = { source: "a", version: "1" };
    expect(provenance).toEqual({
      city: { ...origin, previous: "BOSTON" },
      phoneStatus: origin,
      isEmailFree: { ...origin, previous: false },
      county: origin,
    });
  });

  it("leaves the entry it was given as it was", () => {
    const entry = Object.freeze({ city: "BOSTON" });
    expect(enrichEntry([claiming("a", { city: "Boston" })], entry, noFault).changes).toEqual({ city: "Boston" });
  });
});

describe("a step that breaks", () => {
  it("fails alone, says nothing of the inside, and leaves the entry partly enriched", () => {
    const faults: unknown[] = [];
    const steps = [claiming("a", { city: "Boston" }), breaking, claiming("c", { state: "MA" })];
    const { changes, outcomes, status } = enrichEntry(steps, {}, (block, error) => faults.push([block, String(error)]));
    expect(changes).toEqual({ city: "Boston", state: "MA" });
    expect(outcomes[1]).toEqual({
      block: "breaking",
      status: "failed",
      found: {},
      provenance: {},
      reason: faultReason,
    });
    expect(outcomes[1]?.reason).not.toContain("secret");
    expect(faults).toEqual([["breaking", "Error: secret of the inside"]]);
    expect(status).toBe("partial");
  });

  it("makes the entry failed when no other step succeeds", () => {
    expect(enrichEntry([breaking], {}, () => undefined).status).toBe("failed");
  });
});

describe("the steps of a plan", () => {
  it("find nothing new when they are run again on what they made", () => {
    const steps = ["phone", "email", "name", "address"].map((name) => prepareBlock(name, {}));
    const entry: EntryFields = {
      fullName: "JOHN MCDONALD",
      email: "john@gmail.com",
      phone: "(202) 224-3441",
      city: "EVERETT",
      postalCode: "98201",
    };
    const first = enrichEntry(steps, entry, noFault);
    expect(first.outcomes.map(({ status }) => status)).toEqual(["found", "found", "found", "found"]);
    const second = enrichEntry(steps, { ...entry, ...first.changes }, noFault);
    expect(second.changes).toEqual({});
    expect(second.outcomes.map(({ status }) => status)).toEqual(["unchanged", "unchanged", "unchanged", "unchanged"]);
  });

  it("are refused by position and cause when one does not fit", () => {
    const steps = [
      { position: 1, block: "name", config: {} },
      { position: 7, block: "phone", config: { defaultCountry: "usa" } },
    ];
    expect(() => prepareSteps(steps)).toThrow(/^Step 7 of the plan.*“phone”.*defaultCountry.*Mend the step/);
    expect(() => prepareSteps([{ position: 2, block: "fax", config: {} }])).toThrow(/Step 2 .*no block “fax”/);
    expect(() => prepareSteps([])).toThrow(/no steps/);
  });
});
