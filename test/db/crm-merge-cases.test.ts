import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, type Sender } from "../support/graphql-api.ts";
import { asManager, company, contact, identifier, managerRefusal, merge, MERGE, row, UNDO } from "../support/merges.ts";
import { refusal } from "../support/refusal.ts";
import { until } from "../support/until.ts";

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
const remove = (client: PoolClient, id: string) =>
  client.query("update crm.contacts set deleted_at = now() where id = $1", [id]);

describe("a merge is refused", () => {
  test("of a record with itself, and with what is not there", () =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      const nobody = "01900000-0000-7000-8000-000000000000";
      for (const [values, code, column, message] of [
        [[winner, winner, {}], "RH004", "loserId", "Winner and loser are the same contact. Name two."],
        [[nobody, loser, {}], "RH002", "winnerId", `There is no contact ${nobody}.`],
        [[winner, nobody, {}], "RH002", "loserId", `There is no contact ${nobody}.`],
        [[winner, loser, "[]"], "RH004", "survivorship", expect.stringContaining("not array")],
      ] as const)
        expect(await managerRefusal(client, MERGE.contacts, [...values])).toMatchObject({ code, column, message });
    }));

  test("with another tenant's record, which is not there", async () => {
    const theirs = await asTenant(database, globex, (client) => contact(client), { commit: true });
    await asSystem(async (client) => {
      const ours = await contact(client);
      for (const values of [
        [ours, theirs, {}],
        [theirs, ours, {}],
      ])
        expect(await managerRefusal(client, MERGE.contacts, values)).toMatchObject({ code: "RH002" });
    });
    await asTenant(database, globex, async (client) =>
      expect(await row(client, "crm.contacts", theirs)).toMatchObject({ deleted_at: null }),
    );
  });

  test("with what is deleted or was merged already", () =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      const gone = await contact(client);
      await remove(client, gone);
      const deleted = { code: "RH006", message: `The contact ${gone} is deleted. Restore it first.` };
      expect(await managerRefusal(client, MERGE.contacts, [winner, gone, {}])).toMatchObject(deleted);
      expect(await managerRefusal(client, MERGE.contacts, [gone, winner, {}])).toMatchObject(deleted);
      await merge(client, "contacts", winner, loser);
      expect(await managerRefusal(client, MERGE.contacts, [winner, loser, {}])).toMatchObject({
        code: "RH006",
        column: "loserId",
        message: `The contact ${loser} was merged into ${winner} already.`,
      });
    }));

  test.each(["viewer", "member"])("to a %s", (role) =>
    asSystem(async (client) => {
      const values = [...(await pair(client)), {}];
      await client.query(`set local role rowhouse_${role}`);
      expect(await refusal(client, MERGE.contacts, values)).toMatchObject({ code: "42501" });
      expect(await refusal(client, MERGE.companies, values)).toMatchObject({ code: "42501" });
      expect(await refusal(client, UNDO, [values[0]])).toMatchObject({ code: "42501" });
    }),
  );
});

describe("undoing a merge", () => {
  test("leaves what happened since with the winner, and says who undid it", () =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      const moved = await identifier(client, loser, "email", "l@x.test");
      const { id } = await merge(client, "contacts", winner, loser);
      const later = await identifier(client, winner, "email", "later@x.test", false);
      await client.query("update crm.contacts set title = 'Boss' where id = $1", [winner]);
      expect(await asManager(client, UNDO, [id])).toMatchObject({
        undone_at: expect.any(Date),
        undone_by: acme.actorId,
      });
      expect(await row(client, "crm.contacts", winner)).toMatchObject({ title: "Boss", primary_email: null });
      expect(await row(client, "crm.contacts", loser)).toMatchObject({ deleted_at: null, primary_email: "l@x.test" });
      expect(await row(client, "crm.channel_identifiers", moved)).toMatchObject({ contact_id: loser });
      expect(await row(client, "crm.channel_identifiers", later)).toMatchObject({ contact_id: winner });
    }));

  test("is done without what was deleted or erased since", () =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      const erased = await identifier(client, loser, "email", "l@x.test");
      const deleted = await identifier(client, loser, "phone", "+12065550100");
      const { id } = await merge(client, "contacts", winner, loser);
      await client.query("delete from crm.channel_identifiers where id = $1", [erased]);
      await client.query("update crm.channel_identifiers set deleted_at = now() where id = $1", [deleted]);
      await asManager(client, UNDO, [id]);
      expect(await row(client, "crm.channel_identifiers", deleted)).toMatchObject({
        contact_id: loser,
        deleted_at: expect.any(Date),
      });
    }));

  test("is done once, and only of a merge that there is", () =>
    asSystem(async (client) => {
      const { id } = await merge(client, "contacts", ...(await pair(client)));
      await asManager(client, UNDO, [id]);
      expect(await managerRefusal(client, UNDO, [id])).toMatchObject({ code: "RH006", column: "mergeId" });
      const nothing = await contact(client);
      expect(await managerRefusal(client, UNDO, [nothing])).toMatchObject({ code: "RH002", column: "mergeId" });
    }));

  test("goes from the last merge of a record to the first", () =>
    asSystem(async (client) => {
      const [a, b] = await pair(client);
      const [c, d] = await pair(client);
      const first = await merge(client, "contacts", b, c);
      const second = await merge(client, "contacts", b, d);
      const third = await merge(client, "contacts", a, b);
      for (const [id, next] of [
        [first.id, third.id],
        [second.id, third.id],
      ])
        expect(await managerRefusal(client, UNDO, [id])).toMatchObject({
          code: "RH006",
          message: `The contact ${b} was merged again later. Undo merge ${next} first.`,
        });
      for (const { id } of [third, second, first]) await asManager(client, UNDO, [id]);
      const { rows } = await client.query("select from crm.contacts where id = any ($1) and deleted_at is null", [
        [a, b, c, d],
      ]);
      expect(rows).toHaveLength(4);
    }));

  test("is refused when the winner is deleted", () =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      const { id } = await merge(client, "contacts", winner, loser);
      await remove(client, winner);
      expect(await managerRefusal(client, UNDO, [id])).toMatchObject({
        code: "RH006",
        message: expect.stringContaining(`${winner}, which the other one was merged into, is deleted`),
      });
    }));

  test("is refused when what it took over was changed again, until that is set back", () =>
    asSystem(async (client) => {
      const [winner, loser] = [await contact(client), await contact(client, { title: "Boss" })];
      const { id } = await merge(client, "contacts", winner, loser);
      const change = (title: string) =>
        client.query("update crm.contacts set title = $2 where id = $1", [winner, title]);
      await change("Chief");
      expect(await managerRefusal(client, UNDO, [id])).toMatchObject({
        code: "RH003",
        message: expect.stringContaining("was changed since the merge, which took over: title."),
      });
      await change("Boss");
      await asManager(client, UNDO, [id]);
      expect(await row(client, "crm.contacts", winner)).toMatchObject({ title: null });
    }));

  test("is refused as long as another record has what the loser had alone", () =>
    asSystem(async (client) => {
      const [winner, loser] = [
        await company(client, { domain: "a.test" }),
        await company(client, { domain: "b.test" }),
      ];
      const { id } = await merge(client, "companies", winner, loser);
      const other = await company(client, { domain: "b.test" });
      expect(await managerRefusal(client, UNDO, [id])).toMatchObject({
        code: "RH003",
        message: expect.stringContaining("among the companies, another row has taken the domain"),
      });
      await client.query("update crm.companies set domain = null where id = $1", [other]);
      await asManager(client, UNDO, [id]);
      expect(await row(client, "crm.companies", loser)).toMatchObject({ domain: "b.test", deleted_at: null });
    }));
});

describe("a merge that was made", () => {
  test("is the only way back for its loser", () =>
    asSystem(async (client) => {
      const [winner, loser] = await pair(client);
      const { id } = await merge(client, "contacts", winner, loser);
      const restore = "update crm.contacts set deleted_at = null where id = $1";
      expect(await managerRefusal(client, restore, [loser])).toMatchObject({
        code: "RH006",
        message: expect.stringContaining(`undo merge ${id}`),
      });
    }));

  test("is not changed by anybody, and goes when a record is erased", async () => {
    const client = await database.admin.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [acme.tenantId]);
      const tenant = { tenant_id: acme.tenantId };
      const winner = await contact(client, tenant);
      const merged = await client.query<{ id: string }>(MERGE.contacts, [winner, await contact(client, tenant), {}]);
      for (const sql of [
        `update crm.merges set fields = '{"a": 1}' where id = $1`,
        "update crm.merges set undone_at = now(), moved_count = 9 where id = $1",
        "delete from crm.merges where id = $1",
      ])
        expect(await refusal(client, sql, [merged.rows[0]!.id])).toMatchObject({ code: "RH005" });
      await client.query("delete from crm.contacts where id = $1", [winner]);
      expect(await row(client, "crm.merges", merged.rows[0]!.id)).toBeUndefined();
    } finally {
      await client.query("rollback");
      client.release();
    }
  });
});

describe("merges at the same time", () => {
  const committed = <T>(work: (client: PoolClient) => Promise<T>) => asTenant(database, acme, work, { commit: true });
  /** Waits until some session waits for a lock. */
  const blocked = () =>
    until("a session waits for a lock", async () => {
      const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      return (await database.admin.query(waiting)).rowCount === 1;
    });

  test("of the same two contacts, each into the other, take turns: the second is told of the first", async () => {
    const [a, b] = await committed(pair);
    const { second } = await committed(async (client) => {
      await merge(client, "contacts", a, b);
      const other = committed((rival) => merge(rival, "contacts", b, a)).catch((error: unknown) => error);
      await blocked();
      return { second: other };
    });
    expect(await second).toMatchObject({ code: "RH006", message: `The contact ${b} was merged into ${a} already.` });
  });

  test("as a row that begins to refer to the loser take it along", async () => {
    const [winner, loser] = await committed(pair);
    const { merged, late } = await committed(async (client) => {
      const id = await identifier(client, loser, "email", "late@x.test");
      const other = committed((rival) => merge(rival, "contacts", winner, loser));
      await blocked();
      return { merged: other, late: id };
    });
    expect(await merged).toMatchObject({ moved_count: 1 });
    await asSystem(async (client) => {
      expect(await row(client, "crm.channel_identifiers", late)).toMatchObject({ contact_id: winner });
    });
  });
});
