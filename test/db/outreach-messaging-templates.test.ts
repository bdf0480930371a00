import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let tenantId: string;
let actorId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
});

afterAll(async () => {
  await database?.drop();
});

/** Works as a role of the tenant, and rolls back. */
const as = (role: string, work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, work);

const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, `outreach.${table}`, row);

const draftedTemplate = async (client: PoolClient, channel = "whatsapp", version: Record<string, unknown> = {}) => {
  const template = await insert(client, "templates", { name: `Hello by ${channel}`, channel });
  const draft = await insert(client, "template_versions", { template_id: template.id, body: "Hello", ...version });
  return { template, draft };
};

async function publish(client: PoolClient, templateId: string) {
  await client.query("reset role; set local role rowhouse_manager");
  const { rows } = await client.query("select * from outreach.publish_template($1)", [templateId]);
  return rows[0];
}

const become = (client: PoolClient, role: string) => client.query(`reset role; set local role rowhouse_${role}`);

describe("categories", () => {
  /** A chain of categories, each within the one before; their ids. */
  async function chain(client: PoolClient, length: number, name: string): Promise<string[]> {
    const ids: string[] = [];
    for (let n = 1; n <= length; n++) {
      const parent_id = ids.at(-1) ?? null;
      ids.push((await insert(client, "template_categories", { name: `${name} ${n}`, parent_id })).id);
    }
    return ids;
  }
  const move = "update outreach.template_categories set parent_id = $2 where id = $1";

  test("never lie within themselves, however far down", () =>
    as("member", async (client) => {
      const ids = await chain(client, 4, "a");
      expect(await refusal(client, move, [ids[0], ids[0]])).toMatchObject({ code: "23514" });
      expect(await refusal(client, move, [ids[0], ids[3]])).toMatchObject({
        code: "RH003",
        message: 'Category "a 1" cannot lie within itself. Choose a category outside of it.',
        column: "parentId",
      });
      await client.query(move, [ids[3], ids[0]]);
    }));

  test("are ten levels deep at most, whether one is added or many are moved", () =>
    as("member", async (client) => {
      const long = await chain(client, 10, "a");
      const error = { code: "RH007", column: "parentId", detail: '{"limit": 10}' };
      const insertion = "insert into outreach.template_categories (name, parent_id) values ('too deep', $1)";
      expect(await refusal(client, insertion, [long[9]])).toMatchObject(error);
      const short = await chain(client, 3, "b");
      expect(await refusal(client, move, [short[0], long[7]])).toMatchObject(error);
      await client.query(move, [short[0], long[6]]);
    }));

  test("that two people move under each other at once do not become a ring", async () => {
    const [a, b] = await asTenant(
      database,
      { tenantId, role: "rowhouse_member" },
      async (client) => [
        (await insert(client, "template_categories", { name: "ring a" })).id,
        (await insert(client, "template_categories", { name: "ring b" })).id,
      ],
      { commit: true },
    );
    const claims = { tenantId, role: "rowhouse_member" };
    let second: Promise<unknown> = Promise.resolve();
    await asTenant(
      database,
      claims,
      async (client) => {
        await client.query(move, [a, b]);
        second = asTenant(database, claims, (other) => other.query(move, [b, a]), { commit: true }).catch(
          (error: unknown) => error,
        );
        await waitsForLock();
      },
      { commit: true },
    );
    expect(await second).toMatchObject({ code: "RH003" });
  });

  test("are deleted and restored from the inside out and from the outside in, or together", () =>
    as("member", async (client) => {
      const [outer, inner] = await chain(client, 2, "a");
      const mark = (value: string) =>
        `update outreach.template_categories set deleted_at = ${value} where id = any ($1)`;
      expect(await refusal(client, mark("now()"), [[outer]])).toMatchObject({
        code: "RH003",
        message: 'Category "a 1" still has "a 2" in it. Move or delete that first.',
      });
      await client.query(mark("now()"), [[outer, inner]]);
      expect(await refusal(client, mark("null"), [[inner]])).toMatchObject({
        code: "RH003",
        message: 'Category "a 2" lies in "a 1", which is deleted. Restore that first, or choose another one.',
      });
      await insert(client, "template_categories", { name: "a 1" });
      expect(await refusal(client, mark("null"), [[outer, inner]])).toMatchObject({
        constraint: "template_categories_name_key",
      });
    }));
});

describe("versions of a template", () => {
  test("count from one, with one draft at a time, and the next one begins as a copy", () =>
    as("member", async (client) => {
      const { template, draft } = await draftedTemplate(client, "email", {
        subject: "Hi",
        variables: '[{"name":"first"}]',
      });
      expect(template.status).toBe("draft");
      expect(draft).toMatchObject({ version: 1, status: "draft", created_by: actorId });
      expect(
        await refusal(client, "insert into outreach.template_versions (template_id) values ($1)", [template.id]),
      ).toMatchObject({ constraint: "template_versions_draft_key" });
      expect(await refusal(client, "select outreach.new_template_version($1)", [template.id])).toMatchObject({
        code: "RH003",
        message: 'Version 1 of template "Hello by email" is a draft already. Change or publish that.',
      });
      expect(await publish(client, template.id)).toMatchObject({ status: "active", current_version_id: draft.id });
      await become(client, "member");
      const next = await client.query("select * from outreach.new_template_version($1, 'Warmer')", [template.id]);
      expect(next.rows[0]).toMatchObject({
        version: 2,
        status: "draft",
        subject: "Hi",
        body: "Hello",
        variables: [{ name: "first" }],
        changelog: "Warmer",
      });
    }));

  test("that two people write at once get different numbers", async () => {
    const claims = { tenantId, role: "rowhouse_system" };
    const insertion = `insert into outreach.template_versions (template_id, status, published_at) values ($1, 'published', now()) returning version`;
    const template = await asTenant(
      database,
      claims,
      (client) => insert(client, "templates", { name: "Crowded", channel: "sms" }),
      { commit: true },
    );
    let second: Promise<number> = Promise.resolve(0);
    const write = (client: PoolClient) =>
      client.query(insertion, [template.id]).then(({ rows }) => rows[0].version as number);
    const first = await asTenant(
      database,
      claims,
      async (client) => {
        const version = await write(client);
        second = asTenant(database, claims, write, { commit: true });
        await waitsForLock();
        return version;
      },
      { commit: true },
    );
    expect([first, await second]).toEqual([1, 2]);
    const many = await Promise.all(
      Array.from({ length: 8 }, () => asTenant(database, claims, write, { commit: true })),
    );
    expect(many.sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("change as drafts, and never once published", () =>
    as("member", async (client) => {
      const { template, draft } = await draftedTemplate(client);
      await client.query("update outreach.template_versions set body = 'Good day' where id = $1", [draft.id]);
      await publish(client, template.id);
      await become(client, "system");
      for (const change of ["body = 'x'", "changelog = 'x'", "status = 'draft', published_at = null"])
        expect(
          await refusal(client, `update outreach.template_versions set ${change} where id = $1`, [draft.id]),
        ).toMatchObject({ code: "RH006" });
      expect(await refusal(client, "delete from outreach.template_versions where id = $1", [draft.id])).toMatchObject({
        code: "RH006",
        message: expect.stringContaining("Version 1 of the template is published"),
      });
    }));

  test("are published by managers only, and only when they say something that can be sent", () =>
    as("member", async (client) => {
      const { template, draft } = await draftedTemplate(client, "email");
      const publishing = "select outreach.publish_template($1)";
      expect(await refusal(client, publishing, [template.id])).toMatchObject({ code: "42501" });
      await become(client, "manager");
      expect(await refusal(client, publishing, [template.id])).toMatchObject({ code: "RH004", column: "subject" });
      await client.query("update outreach.template_versions set subject = 'Hi', body = ' ' where id = $1", [draft.id]);
      expect(await refusal(client, publishing, [template.id])).toMatchObject({ code: "RH004", column: "body" });
      await client.query("update outreach.template_versions set body_html = '<p>Hi</p>' where id = $1", [draft.id]);
      await client.query(publishing, [template.id]);
      expect(await refusal(client, publishing, [template.id])).toMatchObject({
        code: "RH006",
        message: 'Template "Hello by email" has no draft. Make one by newTemplateVersion first.',
      });
      await client.query("select outreach.new_template_version($1), outreach.archive_template($1)", [template.id]);
      expect(await refusal(client, publishing, [template.id])).toMatchObject({
        code: "RH006",
        message: expect.stringContaining("is archived"),
      });
      const { rows } = await client.query("select (outreach.unarchive_template($1)).status", [template.id]);
      expect(rows[0].status).toBe("active");
      for (const verb of ["publish_template", "new_template_version", "archive_template", "unarchive_template"])
        expect(await refusal(client, `select outreach.${verb}($1)`, [tenantId])).toMatchObject({ code: "RH002" });
    }));

  test("are current only for their own template, and only when published", () =>
    as("member", async (client) => {
      const mine = await draftedTemplate(client, "sms");
      const other = await draftedTemplate(client, "voice");
      await publish(client, other.template.id);
      const point = "update outreach.templates set current_version_id = $2 where id = $1";
      expect(await refusal(client, point, [mine.template.id, mine.draft.id])).toMatchObject({ code: "42501" });
      await become(client, "system");
      for (const version of [mine.draft.id, other.draft.id])
        expect(await refusal(client, point, [mine.template.id, version])).toMatchObject({ code: "RH003" });
    }));

  test.each([
    ["{}"],
    ['["first"]'],
    ['[{"description": "x"}]'],
    ['[{"name": "1st"}]'],
    ['[{"name": "ok"}, {"name": 1}]'],
  ])("take no variables like %s", (variables) =>
    as("member", async (client) => {
      const { draft } = await draftedTemplate(client);
      expect(
        await refusal(client, "update outreach.template_versions set variables = $2 where id = $1", [
          draft.id,
          variables,
        ]),
      ).toMatchObject({ constraint: "template_versions_variables_check" });
    }),
  );
});

describe("an approval by WhatsApp", () => {
  const insertion = "insert into outreach.whatsapp_hsm_approvals (template_id, template_version_id) values ($1, $2)";
  const step = "update outreach.whatsapp_hsm_approvals set status = $1 returning status, submitted_at, decided_at";

  test("is of a version of a template for WhatsApp", () =>
    as("member", async (client) => {
      const sms = await draftedTemplate(client, "sms");
      const whatsapp = await draftedTemplate(client);
      expect(await refusal(client, insertion, [sms.template.id, sms.draft.id])).toMatchObject({
        code: "RH004",
        message: 'Template "Hello by sms" is for sms. Only templates for WhatsApp are approved by WhatsApp.',
      });
      expect(await refusal(client, insertion, [whatsapp.template.id, sms.draft.id])).toMatchObject({ code: "RH004" });
      await client.query(insertion, [whatsapp.template.id, whatsapp.draft.id]);
      expect(await refusal(client, insertion, [whatsapp.template.id, whatsapp.draft.id])).toMatchObject({
        constraint: "whatsapp_hsm_approvals_template_version_id_language_key",
      });
    }));

  test("goes its way, and notes when", () =>
    as("member", async (client) => {
      const { template, draft } = await draftedTemplate(client);
      await client.query(insertion, [template.id, draft.id]);
      await become(client, "system");
      expect(await refusal(client, step, ["submitted"])).toMatchObject({ code: "RH006", column: "status" });
      await publish(client, template.id);
      await become(client, "system");
      for (const impossible of ["approved", "paused", "disabled"])
        expect(await refusal(client, step, [impossible])).toMatchObject({ code: "RH006" });
      const statuses = ["submitted", "rejected", "submitted", "approved", "paused", "approved", "disabled"];
      for (const status of statuses) {
        const { rows } = await client.query(step, [status]);
        const decided_at = status === "submitted" ? null : expect.any(Date);
        expect(rows[0]).toEqual({ status, submitted_at: expect.any(Date), decided_at });
      }
      expect(await refusal(client, step, ["approved"])).toMatchObject({
        message: expect.stringContaining("final state"),
      });
    }));
});

/** Waits until a session of this database waits for another one. */
const waitsForLock = () =>
  until("a session waits for a lock", async () => {
    const { rowCount } = await database.admin.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return (rowCount ?? 0) > 0;
  });
