import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let acme: string;
let globex: string;

const people = [
  ["Ada", "Lovelace", "ada.lovelace@engines.example", "+12065550101"],
  ["Grace", "Hopper", "grace@navy.example", "+12065550102"],
  ["Zoë", "Müller-Østergård", "zoe@nord.example", "+4915112345678"],
  ["Adam", "Smith", "adam@wealth.example", "+12125550199"],
  ["Smith", "Jones", "sj@other.example", "+12125550198"],
] as const;

beforeAll(async () => {
  database = await createTestDatabase();
  acme = await createTenant("acme");
  globex = await createTenant("globex");
  for (const tenant of [acme, globex]) {
    await run(tenant, async (query) => {
      for (const [first, last, email, phone] of people) {
        const [contact] = await query("insert into crm.contacts (first_name, last_name) values ($1, $2) returning id", [
          first,
          last,
        ]);
        await query(
          `insert into crm.channel_identifiers (contact_id, channel, identifier, is_primary)
           values ($1, 'email', $2, true), ($1, 'phone', $3, true)`,
          [contact!["id"], email, phone],
        );
      }
    });
  }
});

afterAll(async () => {
  await database?.drop();
});

async function createTenant(slug: string): Promise<string> {
  const { rows } = await database.admin.query<{ id: string }>("select private.create_tenant($1, $1) as id", [slug]);
  return rows[0]!.id;
}

type Query = (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

async function run<T>(tenant: string, work: (query: Query) => Promise<T>, role = "rowhouse_system"): Promise<T> {
  const client = await database.server.connect();
  try {
    await client.query("begin");
    await client.query("select set_config('role', $1, true), set_config('jwt.claims.tenant_id', $2, true)", [
      role,
      tenant,
    ]);
    const result = await work(
      async (sql, values) => (await client.query(sql, values)).rows as Record<string, unknown>[],
    );
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

async function found(query: string, tenant = acme): Promise<string[]> {
  const rows = await run(
    tenant,
    (ask) => ask("select full_name from crm.search_contacts($1)", [query]),
    "rowhouse_viewer",
  );
  return rows.map((row) => String(row["full_name"]));
}

describe("a search", () => {
  test.each([
    ["a word", "lovelace", ["Ada Lovelace"]],
    ["the beginning of a word", "lovel", ["Ada Lovelace"]],
    ["several words, in any order", "hopper grace", ["Grace Hopper"]],
    ["words without their accents", "zoe ostergard", ["Zoë Müller-Østergård"]],
    ["words with other accents and case", "ZÖÉ MULLER", ["Zoë Müller-Østergård"]],
    ["an e-mail address", "ada.lovelace@engines.example", ["Ada Lovelace"]],
    ["a part of an e-mail address", "@navy.example", ["Grace Hopper"]],
    ["a phone number as it is written", "(206) 555-0102", ["Grace Hopper"]],
    ["a phone number in international form", "+49 151 12345678", ["Zoë Müller-Østergård"]],
    ["the end of a phone number", "0199", ["Adam Smith"]],
    ["a phrase", '"adam smith"', ["Adam Smith"]],
    ["a phrase in the wrong order", '"smith adam"', []],
    ["a word, but not another one", "smith -jones", ["Adam Smith"]],
    ["a misspelt name", "lovelase", ["Ada Lovelace"]],
    ["a name with two letters swapped", "Grcae Hoppper", ["Grace Hopper"]],
    ["something that is not there", "xyzzyplugh", []],
    ["nothing", "", []],
    ["only what must not be there", "-smith", []],
  ])("finds by %s", async (_, query, names) => {
    expect(await found(query)).toEqual(names);
  });

  test("puts whole words before beginnings of words", async () => {
    const names = await found("ada");
    expect(names).toEqual(["Ada Lovelace", "Adam Smith"]);
  });

  test("never finds another tenant's rows, whatever is asked", async () => {
    const ids = async (tenant: string) =>
      (
        await run(
          tenant,
          (ask) => ask("select tenant_id from crm.search_contacts('ada smith lovelace')"),
          "rowhouse_viewer",
        )
      )
        .concat(await run(tenant, (ask) => ask("select tenant_id from crm.search_contacts('a')"), "rowhouse_viewer"))
        .map((row) => row["tenant_id"]);
    for (const tenant of [acme, globex]) expect(new Set(await ids(tenant))).toEqual(new Set([tenant]));
    const { rows } = await database.admin.query<{ n: string }>("select count(*) as n from crm.contacts");
    expect(Number(rows[0]!.n)).toBe(2 * people.length);
  });

  test("leaves deleted rows out", async () => {
    await run(acme, (ask) => ask("insert into crm.contacts (first_name, last_name) values ('Vanishing', 'Person')"));
    expect(await found("vanishing")).toEqual(["Vanishing Person"]);
    await run(acme, (ask) => ask("update crm.contacts set deleted_at = now() where last_name = 'Person'"));
    expect(await found("vanishing")).toEqual([]);
    expect(await found("vanishin persn")).toEqual([]);
  });

  test("follows a change of the row", async () => {
    await run(acme, (ask) => ask("insert into crm.contacts (first_name, last_name) values ('Changing', 'Name')"));
    await run(acme, (ask) => ask("update crm.contacts set first_name = 'Altered' where last_name = 'Name'"));
    expect(await found("changing name")).not.toContain("Altered Name");
    expect(await found("altered")).toEqual(["Altered Name"]);
  });

  test("takes anything that is typed, and refuses only what is too long", async () => {
    const signs = [
      "'",
      '"',
      "\\",
      "%",
      "_",
      ":*",
      "&",
      "|",
      "!",
      "<->",
      "(",
      ")",
      "-",
      "--",
      "\u{1F600}",
      "\u200b",
      "$1",
      "null",
      "\t\n",
    ];
    for (let i = 0; i < 200; i++) {
      const query = Array.from(
        { length: 1 + (i % 7) },
        (_, k) => signs[(i * 31 + k * 17) % signs.length]! + (k % 2 ? "ada" : ""),
      ).join(i % 3 ? "" : " ");
      await expect(found(query.slice(0, 300))).resolves.toBeDefined();
    }
    await expect(found("x".repeat(301))).rejects.toMatchObject({ code: "RH007" });
  });

  test("finds entries of lists by how a misspelt name sounds", async () => {
    await run(acme, async (ask) => {
      const [list] = await ask("insert into lists.lists (name) values ('People') returning id");
      await ask(
        "insert into lists.list_entries (list_id, full_name) values ($1, 'Catherine Lovelace'), ($1, 'Bob Stone')",
        [list!["id"]],
      );
    });
    const names = await run(
      acme,
      (ask) => ask("select full_name from lists.search_list_entries('Kathrin Lovelase')"),
      "rowhouse_viewer",
    );
    expect(names).toEqual([{ full_name: "Catherine Lovelace" }]);
  });

  test("without a tenant is refused", async () => {
    await expect(found("ada", "")).rejects.toMatchObject({ code: "RH001" });
  });
});

describe("highlights", () => {
  const highlights = async (value: string, query: string) =>
    (await run(acme, (ask) => ask("select app.highlight($1, $2) as it", [value, query]), "rowhouse_viewer"))[0]!["it"];

  test.each([
    ["the words that were looked for", "Ada Lovelace", "love", "Ada <mark>Lovelace</mark>"],
    ["words whatever their accents", "Zoë Müller", "muller zoe", "<mark>Zoë</mark> <mark>Müller</mark>"],
    ["a phone number by its end", "+12065550101", "0101", "+1206555<mark>0101</mark>"],
    ["nothing where nothing is found", "Grace", "ada", null],
  ])("mark %s", async (_, value, query, marked) => {
    expect(await highlights(value, query)).toBe(marked);
  });

  test("escape everything else, so that a name cannot be a script", async () => {
    expect(await highlights("<script>ada</script> & 'co'", "ada")).toBe(
      "&lt;script&gt;<mark>ada</mark>&lt;/script&gt; &amp; &#39;co&#39;",
    );
  });

  test("show a piece of a long text, around the first match", async () => {
    const shown = String(await highlights(`${"so ".repeat(200)}needle ${"on ".repeat(200)}`, "needle"));
    expect(shown).toContain("<mark>needle</mark>");
    expect(shown.length).toBeLessThan(320);
    expect(shown).toMatch(/^….*…$/);
  });
});
