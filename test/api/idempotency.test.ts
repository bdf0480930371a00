import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startTestWorker } from "../support/jobs.ts";
import { startImport } from "../support/imports.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let other: TestServer;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({}, server.database);
  ann = await createSomebody(server, "admin");
});

afterAll(async () => {
  await other?.close();
  await server?.remove();
});

/** Nothing but the key keeps it from being done twice: names of contacts are not unique. */
const createContact = (name: string) =>
  `mutation { createContact(input: { contact: { firstName: "${name}" } }) { contact { id firstName } } }`;

const send = (key: string, query: string, who = ann, at = server) =>
  at.post(query, { token: who.token(), headers: { "Idempotency-Key": key } });

const count = async (name: string) =>
  (await server.database.admin.query("select from crm.contacts where first_name = $1", [name])).rowCount;

const sql = (text: string, values: unknown[] = []) => server.database.admin.query(text, values);

describe("a mutation with an Idempotency-Key", () => {
  test("is done once, and its repeat is answered alike, by every server process", async () => {
    const first = await send("once", createContact("Once"));
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    for (const at of [server, other]) {
      const again = await send("once", createContact("Once"), ann, at);
      expect({ data: again.data, status: again.status }).toEqual({ data: first.data, status: 200 });
      expect(again.headers.get("idempotent-replayed")).toBe("true");
    }
    expect(await count("Once")).toBe(1);
  });

  test("is refused when the key named another request", async () => {
    await send("named", createContact("Named"));
    const { status, errors } = await send("named", createContact("Another"));
    expect(status).toBe(409);
    expect(errors![0]!.extensions).toMatchObject({ code: "CONFLICT", details: { reason: "different" } });
    expect(await count("Another")).toBe(0);
  });

  test("is done once when it is sent many times at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, i) => send("crowd", createContact("Crowd"), ann, i % 2 ? server : other)),
    );
    expect(await count("Crowd")).toBe(1);
    const ids = new Set(answers.filter(({ data }) => data).map(({ data }) => data.createContact.contact.id));
    expect(ids.size).toBe(1);
    for (const { errors } of answers.filter((each) => !each.data))
      expect(errors![0]!.extensions["details"]).toEqual({ reason: "in_progress" });
  });

  test("has nothing to do with the same key of somebody else", async () => {
    const bob = await createSomebody(server);
    const [mine, theirs] = [
      await send("shared", createContact("Shared")),
      await send("shared", createContact("Shared"), bob),
    ];
    expect(theirs.data.createContact.contact.id).not.toBe(mine.data.createContact.contact.id);
  });

  test("is done anew when it changed nothing: a refusal is not remembered, nor is a query", async () => {
    const refused = await send("refused", createContact("x".repeat(5000)));
    expect(refused.errors![0]!.extensions["code"]).toBe("VALIDATION_FAILED");
    expect((await send("refused", createContact("Now"))).data.createContact.contact.firstName).toBe("Now");
    const contacts = "{ contacts { totalCount } }";
    const before = (await send("query", contacts)).data.contacts.totalCount;
    await send(randomUUID(), createContact("One more"));
    expect((await send("query", contacts)).data.contacts.totalCount).toBe(before + 1);
  });

  test("that failed in part is remembered, because a part of it was done", async () => {
    const both = `mutation { ok: createContact(input: { contact: { firstName: "Part" } }) { contact { id } } no: createList(input: { list: { name: "" } }) { list { id } } }`;
    const first = await send("part", both);
    const again = await send("part", both);
    expect(again).toMatchObject({ data: first.data, errors: first.errors! });
    expect(await count("Part")).toBe(1);
  });

  test("gives a key that is shown once again to its maker, and keeps it nowhere in clear", async () => {
    const make = `mutation { createApiKey(input: { name: "CI", role: VIEWER }) { key } }`;
    const first = await send("key", make);
    expect(first.errors).toBeUndefined();
    expect((await send("key", make)).data).toEqual(first.data);
    const { rows } = await sql("select sealed_answer from private.idempotency_keys");
    for (const { sealed_answer } of rows) expect(sealed_answer.includes(first.data.createApiKey.key)).toBe(false);
  });

  test("is refused when the key is none", async () => {
    for (const key of ["ä".repeat(3), "with space", "x".repeat(256)]) {
      const answer = await send(encodeURI(key) === key ? key : key.replaceAll("ä", "\u00e4"), createContact("Strange"));
      expect(answer.errors![0]!.extensions).toMatchObject({ code: "VALIDATION_FAILED", field: "Idempotency-Key" });
    }
    expect(await count("Strange")).toBe(0);
  });
});

test("a body that is too large is refused with a key as without", async () => {
  const { errors } = await send("large", createContact("x".repeat(server.config.bodyBytesMax)));
  expect(errors![0]!.extensions).toMatchObject({ code: "LIMIT_EXCEEDED", details: { name: "bodyBytes" } });
});

describe("a process that dies", () => {
  const lapse = (name: string) =>
    sql("update private.idempotency_keys set locked_until = now() - interval '1 second' where request_hash = $1", [
      name,
    ]);
  const hashes = async () =>
    (await sql("select request_hash from private.idempotency_keys")).rows.map((row) => String(row.request_hash));

  test("before it committed leaves the key to the repeat", async () => {
    const before = await hashes();
    await send("died-early", createContact("Died early"));
    const [made] = (await hashes()).filter((hash) => !before.includes(hash));
    // As it stands before anything is committed.
    await sql("update private.idempotency_keys set has_effect = false, sealed_answer = null where request_hash = $1", [
      made,
    ]);
    await sql(
      "update private.idempotency_keys set locked_until = now() + interval '1 minute' where request_hash = $1",
      [made],
    );
    const busy = await send("died-early", createContact("Died early"));
    expect(busy.errors![0]!.extensions["details"]).toEqual({ reason: "in_progress" });
    expect(busy.headers.get("retry-after")).toBe("1");
    await lapse(made!);
    expect((await send("died-early", createContact("Died early"))).errors).toBeUndefined();
    expect(await count("Died early")).toBe(2);
  });

  test("after it committed keeps the repeat from doing it again", async () => {
    const settle = "private.settle_idempotency_key(uuid, uuid, text, boolean, bytea)";
    const before = await hashes();
    await sql(`revoke execute on function ${settle} from rowhouse_identity`);
    try {
      expect((await send("died-late", createContact("Died late"))).errors).toBeUndefined();
    } finally {
      await sql(`grant execute on function ${settle} to rowhouse_identity`);
    }
    const [made] = (await hashes()).filter((hash) => !before.includes(hash));
    await lapse(made!);
    const { errors } = await send("died-late", createContact("Died late"));
    expect(errors![0]!.extensions).toMatchObject({ code: "CONFLICT", details: { reason: "answer_lost" } });
    expect(await count("Died late")).toBe(1);
  });
});

describe("an upload with an Idempotency-Key", () => {
  const file = "Name;Mail\nAnn;ann@example.com\n";
  const upload = async (importId: string, key: string, body: string) => {
    const response = await fetch(`${server.origin}/imports/${importId}`, {
      method: "POST",
      headers: { authorization: `Bearer ${ann.token()}`, "content-type": "text/csv", "Idempotency-Key": key },
      body,
    });
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
      headers: response.headers,
    };
  };

  test("is taken once; the same bytes are answered alike, others are refused", async () => {
    const importId = await startImport(server, ann);
    const first = await upload(importId, "file", file);
    expect(first.status).toBe(202);
    const again = await upload(importId, "file", file);
    expect(again).toMatchObject({ status: 202, body: first.body });
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await upload(importId, "file", `${file}Bo;bo@example.com\n`)).toMatchObject({
      status: 409,
      body: { code: "CONFLICT", details: { reason: "different" } },
    });
  });

  test("that was refused can be sent again with its key", async () => {
    const importId = await startImport(server, ann);
    expect((await upload(importId, "again", "")).status).toBeGreaterThanOrEqual(400);
    await until("the key is let go", async () => {
      const { rows } = await sql(
        "select count(*)::int as n from private.idempotency_keys where sealed_answer is null and not has_effect",
      );
      return rows[0].n === 0;
    });
    expect((await upload(await startImport(server, ann), "again", file.replace("ann@", "anne@"))).status).toBe(202);
  });
});

test("a worker forgets keys after a day", async () => {
  await send("yesterday", createContact("Yesterday"));
  await sql("update private.idempotency_keys set created_at = now() - interval '25 hours'");
  await send("today", createContact("Today"));
  const worker = await startTestWorker(server.database);
  try {
    await sql("select graphile_worker.add_job('forget_idempotency_keys')");
    await until("only today's is left", async () => {
      const { rows } = await sql("select count(*)::int as n from private.idempotency_keys");
      return rows[0].n === 1;
    });
  } finally {
    await worker.stop();
  }
});
