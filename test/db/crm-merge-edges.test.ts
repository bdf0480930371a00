import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, type Sender } from "../support/graphql-api.ts";
import { asManager, contact, identifier, managerRefusal, merge, MERGE, row, UNDO } from "../support/merges.ts";

let database: TestDatabase;
let acme: Sender;
let globex: Sender;

beforeAll(async () => {
  database = await createTestDatabase();
  [acme, globex] = [await createTenant(database, "acme"), await createTenant(database, "globex")];
});

afterAll(async () => {
  await database?.drop();
});

/** Works as the system, and rolls back. */
const asSystem = (work: (client: PoolClient) => Promise<void>) => asTenant(database, acme, work);
const pair = async (client: PoolClient) => [await contact(client), await contact(client)] as const;
const identifiers = async (client: PoolClient) =>
  (await client.query("select id, contact_id, is_primary, deleted_at from crm.channel_identifiers order by id")).rows;
const repoint = (client: PoolClient, id: string, contactId: string) =>
  client.query("update crm.channel_identifiers set contact_id = $2 where id = $1", [id, contactId]);

describe("the primary address and number of the winner", () => {
  const [MAIL, OTHER_MAIL, CALLS, TEXTS] = ["w@x.test", "l@x.test", "+12065550100", "+12065550101"];
  const email = (to: string) => [["email", to]];
  test.each([
    ["is the winner's address", email(MAIL), email(OTHER_MAIL), {}, MAIL],
    ["is the loser's address where there is no other", [], email(OTHER_MAIL), {}, OTHER_MAIL],
    ["is the loser's when that was chosen", email(MAIL), email(OTHER_MAIL), { primaryEmail: "loser" }, OTHER_MAIL],
    ["is none when the loser's was chosen, who has none", email(MAIL), [], { primaryEmail: "loser" }, null],
    ["is none when the winner's was chosen, who has none", [], email(MAIL), { primary_email: "winner" }, null],
    ["is the address that there is", email(MAIL), [], { primaryEmail: "filled" }, MAIL],
    ["is no number when that was chosen", [["phone", CALLS]], [], { primaryPhoneE164: "loser" }, null],
    [
      "is no number when that was chosen, of whichever channel",
      [],
      [
        ["phone", CALLS],
        ["sms", TEXTS],
      ],
      { primaryPhoneE164: "winner" },
      null,
    ],
    ["stays the number for text messages", [["sms", TEXTS]], [["phone", CALLS]], {}, TEXTS],
    ["is the number for text messages", [["phone", CALLS]], [["sms", TEXTS]], { primaryPhoneE164: "loser" }, TEXTS],
  ] as [string, string[][], string[][], object, string | null][])("%s", (_case, winners, losers, choice, expected) =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      for (const [channel, to] of winners) await identifier(client, winner, channel!, to!);
      for (const [channel, to] of losers) await identifier(client, loser, channel!, to!);
      const before = await identifiers(client);
      const { id } = await merge(client, "contacts", winner, loser, choice);
      const { primary_email, primary_phone_e164 } = await row(client, "crm.contacts", winner);
      expect(primary_email ?? primary_phone_e164).toBe(expected);
      await asManager(client, UNDO, [id]);
      expect(await identifiers(client)).toEqual(before);
    }),
  );
});

describe("a field whose survivor is chosen", () => {
  test.each([
    ["Boss", "Chief", "Boss"],
    [null, "Chief", "Chief"],
    ["Boss", null, "Boss"],
  ])('as "filled" of %s and %s is %s', (winners, losers, title) =>
    asSystem(async (client) => {
      const winner = await contact(client, { title: winners });
      await merge(client, "contacts", winner, await contact(client, { title: losers }), { title: "filled" });
      expect(await row(client, "crm.contacts", winner)).toMatchObject({ title });
    }),
  );

  test("twice, by both of its names, is refused", () =>
    asSystem(async (client) => {
      const values = [...(await pair(client)), { firstName: "loser", first_name: "winner" }];
      expect(await managerRefusal(client, MERGE.contacts, values)).toMatchObject({
        code: "RH004",
        column: "survivorship",
        message: 'The survivor of "first_name" is chosen twice. Choose it once.',
      });
    }));
});

describe("undoing a merge", () => {
  test("of another tenant is refused: there is none", async () => {
    const make = async (client: PoolClient) => merge(client, "contacts", ...(await pair(client)));
    const { id } = await asTenant(database, globex, make, { commit: true });
    await asSystem(async (client) => {
      expect(await managerRefusal(client, UNDO, [id])).toMatchObject({ code: "RH002", column: "mergeId" });
    });
  });

  test("leaves a row as it is that went to somebody else since", () =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      const other = await contact(client);
      await identifier(client, winner, "email", "w@x.test");
      const moved = await identifier(client, loser, "email", "l@x.test");
      await identifier(client, other, "email", "o@x.test");
      const { id } = await merge(client, "contacts", winner, loser);
      await repoint(client, moved, other);
      await asManager(client, UNDO, [id]);
      expect(await row(client, "crm.channel_identifiers", moved)).toMatchObject({
        contact_id: other,
        is_primary: false,
      });
      expect(await row(client, "crm.contacts", loser)).toMatchObject({ deleted_at: null, primary_email: null });
    }));

  test("is refused, and changes nothing, as long as the winner has another primary identifier since", () =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      const first = await identifier(client, winner, "email", "w@x.test");
      const taken = await identifier(client, loser, "email", "l@x.test");
      const { id } = await merge(client, "contacts", winner, loser, { primaryEmail: "loser" });
      const demote = (which: string) =>
        client.query("update crm.channel_identifiers set is_primary = false where id = $1", [which]);
      await demote(taken);
      const later = await identifier(client, winner, "email", "later@x.test");
      const before = await identifiers(client);
      expect(await managerRefusal(client, UNDO, [id])).toMatchObject({
        code: "RH003",
        column: "mergeId",
        message: expect.stringMatching(
          /among the channel identifiers, another row became primary .* ordinary first\.$/,
        ),
      });
      expect(await identifiers(client)).toEqual(before);
      await demote(later);
      await asManager(client, UNDO, [id]);
      expect(await row(client, "crm.channel_identifiers", first)).toMatchObject({ is_primary: true });
      // What was done to it since the merge goes with it.
      expect(await row(client, "crm.channel_identifiers", taken)).toMatchObject({
        contact_id: loser,
        is_primary: false,
      });
    }));

  test("is refused as long as the loser was given again what would come back to it", () =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      await identifier(client, loser, "email", "l@x.test", false);
      const { id } = await merge(client, "contacts", winner, loser);
      await identifier(client, loser, "email", "l@x.test", false);
      expect(await managerRefusal(client, UNDO, [id])).toMatchObject({
        code: "RH003",
        message: expect.stringContaining("another row has taken the contact id channel identifier"),
      });
    }));
});
