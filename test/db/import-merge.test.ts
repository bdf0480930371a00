import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { modelImport, type ModelEntry, type ModelRow, type Outcome, type Policy } from "../support/import-model.ts";
import { createTenant } from "../support/jobs.ts";
import { randomNumbers } from "../support/random-numbers.ts";
import { stagedImports, type MergedImport, type StagedImports } from "../support/staged-imports.ts";

let database: TestDatabase;
let imports: StagedImports;

beforeAll(async () => {
  database = await createTestDatabase();
  const { tenantId } = await createTenant(database);
  imports = stagedImports(database, tenantId);
});
afterAll(() => database?.drop());

const policies: readonly Policy[] = ["skip", "fill", "overwrite", "keep"];
const fields = ["email", "phone", "phone_e164", "city", "state"] as const;

async function createList(): Promise<string> {
  const { rows } = await imports.inTenant((client) =>
    client.query<{ id: string }>("insert into lists.lists (name) values (gen_random_uuid()) returning id"),
  );
  return rows[0]!.id;
}

/** Stages rows and merges them; returns the import. */
const merge = async (listId: string, policy: Policy, rows: readonly ModelRow[], isDryRun = false) =>
  imports.merge(await imports.stage(listId, policy, rows, isDryRun));

/** The living entries, oldest first. */
async function entriesOf(listId: string): Promise<ModelEntry[]> {
  const { rows } = await imports.inTenant((client) =>
    client.query<ModelEntry>(
      `select data, ${fields.join(", ")} from lists.list_entries where list_id = $1 and deleted_at is null order by id`,
      [listId],
    ),
  );
  return rows;
}

/** Random rows over so few values that nearly everything is a duplicate of something. */
function randomRows(pick: (n: number) => number, count: number): ModelRow[] {
  const some = (values: readonly string[]) => (pick(4) === 0 ? null : values[pick(values.length)]!);
  const variety = 2 + pick(8);
  return Array.from({ length: count }, (_, i) => {
    const email = some(Array.from({ length: variety }, (_, n) => `e${n}@x.org`));
    const phone = some(["no number", ...Array.from({ length: variety }, (_, n) => `+1202555010${n}`)]);
    const colour = some(["red", "blue", ""]);
    return {
      line_number: 2 + i + pick(2) * count,
      data: { ...(colour !== null && { colour }), ...(pick(3) === 0 && { size: pick(3) }) },
      email,
      phone,
      phone_e164: phone?.startsWith("+") ? phone : null,
      city: some(["Oslo", "Rome"]),
      state: some(["WA"]),
    };
  })
    .sort((a, b) => a.line_number - b.line_number)
    .filter((row, i, all) => row.line_number !== all[i - 1]?.line_number);
}

describe.each(policies)("a merge with the policy %s", (policy) => {
  test("ends as if the rows had come in one at a time, in the order of the file", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const pick = randomNumbers(seed);
      const listId = await createList();
      const model: ModelEntry[] = [];
      const files = [randomRows(pick, pick(8)), randomRows(pick, 1 + pick(30)), randomRows(pick, 1 + pick(12))];
      for (const [n, rows] of files.entries()) {
        // The first file makes a list that has duplicates of its own, as only "keep" leaves them.
        const its = n === 0 ? "keep" : policy;
        const expected = modelImport(model, rows, its);
        const imported = await merge(listId, its, rows);
        const found = {
          entries: await entriesOf(listId),
          outcomes: await imports.outcomes(imported.id),
          counts: [imported.inserted_count, imported.filled_count, imported.overwritten_count, imported.skipped_count],
        };
        const count = (outcome: Outcome) => String([...expected.values()].filter((each) => each === outcome).length);
        const others = [...expected].filter(([, outcome]) => outcome !== "inserted");
        expect({ seed, n, ...found }).toEqual({
          seed,
          n,
          entries: model,
          outcomes: new Map(others),
          counts: [count("inserted"), count("filled"), count("overwritten"), count("skipped")],
        });
      }
    }
  });

  test("as a dry run tells the same and changes nothing", async () => {
    for (let seed = 101; seed <= 115; seed++) {
      const pick = randomNumbers(seed);
      const listId = await createList();
      await merge(listId, "keep", randomRows(pick, 6));
      const rows = randomRows(pick, 25);
      const before = await entriesOf(listId);
      const dry = await merge(listId, policy, rows, true);
      expect(await entriesOf(listId)).toEqual(before);
      const real = await merge(listId, policy, rows);
      const counts = ({ inserted_count, filled_count, overwritten_count, skipped_count }: MergedImport) => ({
        ...{ inserted_count, filled_count, overwritten_count, skipped_count },
      });
      expect({ seed, ...counts(dry) }).toEqual({ seed, ...counts(real) });
      expect(await imports.outcomes(dry.id)).toEqual(await imports.outcomes(real.id));
    }
  });

  test("is taken back by undo, entry by entry", async () => {
    for (let seed = 201; seed <= 215; seed++) {
      const pick = randomNumbers(seed);
      const listId = await createList();
      await merge(listId, "keep", randomRows(pick, 6));
      const before = await entriesOf(listId);
      const imported = await merge(listId, policy, randomRows(pick, 25));
      const undone = await imports.undo(imported.id);
      expect({ seed, entries: await entriesOf(listId) }).toEqual({ seed, entries: before });
      expect(undone).toMatchObject({ status: "undone", removed_count: imported.inserted_count });
    }
  });
});
