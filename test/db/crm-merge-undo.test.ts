import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { type CatalogueTable, tenantTables } from "../support/catalogue.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { mergeReferences, populate, snapshot } from "../support/merge-population.ts";
import { randomNumbers } from "../support/random-numbers.ts";

const STRATEGIES = ["winner", "loser", "newest", "oldest", "longest", "filled"];
/** Tables without a way to delete, and rows that were sent: these stay with the loser as they are. */
const HELD = ["outreach.sequence_enrollments", "outreach.campaign_recipients"];

interface Change {
  readonly table: string;
  readonly moved: string[];
  readonly dropped: string[];
}

let database: TestDatabase;
let db: pg.Client;
let tables: CatalogueTable[];

beforeAll(async () => {
  database = await createTestDatabase();
  // One session as a superuser, who sees every table; the functions act as their owner, whom the wall binds.
  db = new pg.Client({ connectionString: database.adminUrl });
  await db.connect();
  tables = await tenantTables(db);
});

afterAll(async () => {
  await db?.end();
  await database?.drop();
});

const contact = (below: (n: number) => number) => ({
  first_name: ["Ann", "Bob", null][below(3)],
  title: ["CEO", "Chief executive", null][below(3)],
  linkedin_url: ["https://linkedin.example/a", null][below(2)],
  date_of_birth: ["1970-01-01", "1980-02-29", null][below(3)],
  status: ["active", "unsubscribed", "bounced"][below(3)],
  attributes: [{}, { a: 1 }, { a: 2, b: [3] }][below(3)],
});
const company = (below: (n: number) => number) => ({
  name: ["Acme", "Acme Inc."][below(2)],
  domain: [`acme-${below(1e9)}.test`, null][below(2)],
  city: ["Lyon", null][below(2)],
  address_line1: ["1 rue Bleue", null][below(2)],
  annual_revenue_minor: [100, null][below(2)],
  currency: ["EUR", "USD"][below(2)],
  attributes: [{}, { a: 1 }, { a: 2, b: [3] }][below(3)],
});

async function insert(table: string, tenantId: string, row: object): Promise<string> {
  const { rows } = await db.query<{ id: string }>(
    `insert into ${table} (tenant_id, ${Object.keys(row).join(", ")})
     values ($1, ${Object.keys(row).map((_, i) => `$${i + 2}`)}) returning id`,
    [tenantId, ...Object.values(row)],
  );
  return rows[0]!.id;
}

describe.each([
  {
    name: "contacts",
    target: "crm.contacts",
    verb: "crm.merge_contacts",
    make: contact,
    fields: [
      "first_name",
      "title",
      "linkedin_url",
      "date_of_birth",
      "status",
      "attributes",
      "primary_email",
      "primary_phone_e164",
    ],
    collisions: [
      "crm.channel_identifiers",
      "crm.contact_attributes",
      "crm.contact_tag_mapping",
      "crm.lead_contacts",
      "outreach.campaign_recipients",
      "outreach.segment_members",
      "outreach.sequence_enrollments",
    ],
  },
  {
    name: "companies",
    target: "crm.companies",
    verb: "crm.merge_companies",
    make: company,
    fields: ["name", "domain", "address", "annual_revenue", "attributes"],
    collisions: [],
  },
])("of $name", ({ name, target, verb, make, fields, collisions }) => {
  const merge = async (winner: string, loser: string, survivorship: object = {}) => {
    const { rows } = await db.query<{ id: string; changes: Change[] }>(`select * from ${verb}($1, $2, $3)`, [
      winner,
      loser,
      survivorship,
    ]);
    return rows[0]!;
  };
  const undo = (id: string) => db.query("select from crm.undo_merge($1)", [id]);

  test("every row that refers to one has an id of its own and no meaning in the reference", async () => {
    const references = await mergeReferences(db, target);
    expect(references.length).toBeGreaterThanOrEqual(target === "crm.contacts" ? 17 : 3);
    for (const { source, key } of references) {
      const table = tables.find((each) => each.name === source);
      expect(table?.columns.map((column) => column.name)).toContain("id");
      expect(key).toMatch(/_id$/);
    }
  });

  test("merging one after the other and undoing it gives back every row of every table", async () => {
    const references = await mergeReferences(db, target);
    const [moved, dropped] = [new Set<string>(), new Set<string>()];
    for (let seed = 1; seed <= 6; seed++) {
      const below = randomNumbers(seed);
      const made = await db.query<{ id: string }>("select private.create_tenant($1, $1) as id", [`${name}-${seed}`]);
      const tenantId = made.rows[0]!.id;
      await db.query("select set_config('jwt.claims.tenant_id', $1, false)", [tenantId]);
      const ids: string[] = [];
      for (let i = 0; i < 3; i++) ids.push(await insert(target, tenantId, make(below)));
      await populate(db, { tables, tenantId, target, ids, below });
      const [a, b, c] = ids as [string, string, string];
      const before = await snapshot(db, tables, tenantId);
      const first = await merge(b, c, choices(below, fields));
      const between = await snapshot(db, tables, tenantId);
      expect(between).not.toEqual(before);
      const second = await merge(a, b);
      for (const { changes } of [first, second])
        for (const change of changes) {
          if (change.moved.length) moved.add(change.table);
          if (change.dropped.length) dropped.add(change.table);
        }
      // Nothing that lives refers to the losers, but for what its table does not let go of.
      for (const { source, key } of references.filter((each) => !HELD.includes(each.source))) {
        const left = await db.query(
          `select to_jsonb(t) from ${source} t where tenant_id = $1 and ${key} = any ($2) and to_jsonb(t) ->> 'deleted_at' is null`,
          [tenantId, [b, c]],
        );
        expect({ seed, source, left: left.rows }).toEqual({ seed, source, left: [] });
      }
      await undo(second.id);
      expect(await snapshot(db, tables, tenantId)).toEqual(between);
      await undo(first.id);
      expect(await snapshot(db, tables, tenantId)).toEqual(before);
    }
    expect([...moved].sort()).toEqual(references.map(({ source }) => source).sort());
    expect([...dropped].sort()).toEqual(collisions);
  });
});

function choices(below: (n: number) => number, fields: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    fields.filter(() => below(2)).map((field) => [field, STRATEGIES[below(STRATEGIES.length)]!]),
  );
}
