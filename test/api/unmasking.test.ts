import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { encodeTypeId } from "../../lib/type-id.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { openSocket } from "../support/socket.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let other: TestServer;
let ann: Somebody;
let contactId: string;
let leadId: string;

beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({}, server.database);
  ann = await createSomebody(server, "admin");
  const created = await server.post(
    `mutation { createContact(input: { contact: { firstName: "Zoe", channelIdentifiers: [
       { channel: EMAIL, identifier: "zoe@engines.example", isPrimary: true }, { channel: EMAIL, identifier: "z2@other.example" },
       { channel: PHONE, identifier: "+12065550101", isPrimary: true } ] } }) { contact { id } }
     createLead(input: { lead: { firstName: "Yan", email: "yan@engines.example", phoneE164: "+12065550199" } }) { lead { id } } }`,
    { token: ann.token() },
  );
  contactId = created.data.createContact.contact.id;
  leadId = created.data.createLead.lead.id;
  await inTenant(
    server,
    ann.tenantId,
    "insert into lists.list_import_rows (tenant_id, list_import_id, line_number, outcome, raw) values ($1, $2, 2, 'rejected', 'zoe@engines.example')",
    [ann.tenantId, ann.importId],
  );
  await mask(true);
}, 60_000);

afterAll(async () => {
  await other?.close();
  await server?.remove();
});

const emailOf = async (token: string, at = server): Promise<string> =>
  (await at.post(`query($id: ID!) { contact(id: $id) { primaryEmail } }`, { token, variables: { id: contactId } })).data
    .contact.primaryEmail;

async function mask(isMasked: boolean, unmasksPerHour?: number): Promise<void> {
  const { errors } = await server.post(
    `mutation($input: MaskContactDataInput!) { maskContactData(input: $input) { tenant { settings } } }`,
    { token: ann.token(), variables: { input: { isMasked, unmasksPerHour } } },
  );
  expect(errors).toBeUndefined();
  for (const at of [server, other])
    await until("every server knows", async () => (await emailOf(ann.token("viewer"), at)).includes("•") === isMasked);
}

const unmask = `mutation($input: UnmaskContactInput!) { unmaskContact(input: $input) { unmasked { emails phones } } }`;
const ask = (token: string, reason: string, id = contactId, at = server) =>
  at.post(unmask, { token, variables: { input: { contactId: id, reason } } });

async function makeKey(input: object): Promise<string> {
  const { data } = await server.post("mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { key } }", {
    token: ann.token(),
    variables: { input: { name: "Reader", ...input } },
  });
  return data.createApiKey.key;
}

describe("contact data that a tenant masks for viewers", () => {
  it("is masked for viewers and for keys with their role, with scopes and without, in every process; and for nobody else", async () => {
    const keys = [await makeKey({ role: "VIEWER" }), await makeKey({ role: "VIEWER", scopes: ["crm:read"] })];
    for (const token of [ann.token("viewer"), ...keys])
      for (const at of [server, other]) expect(await emailOf(token, at)).toBe("z•••@e•••.example");
    for (const role of ["member", "manager", "admin", "owner"] as const)
      expect(await emailOf(ann.token(role))).toBe("zoe@engines.example");
    const stranger = await createSomebody(server, "viewer");
    expect((await server.post("{ contacts { totalCount } }", { token: stranger.token() })).errors).toBeUndefined();
  });

  it("is kept behind the scopes of a key as before", async () => {
    const key = await makeKey({ role: "VIEWER", scopes: ["lists:read"] });
    const { errors } = await server.post("{ contacts { nodes { primaryEmail } } }", { token: key });
    expect(errors![0]!.extensions).toMatchObject({ code: "FORBIDDEN", details: { scope: "crm:read" } });
  });

  it("is not given away by files, which cannot be masked: exports and rejected lines are refused, and say why", async () => {
    const rejects = (token: string) =>
      fetch(`${server.origin}/imports/${ann.importTypeId}/rejects`, { headers: { authorization: `Bearer ${token}` } });
    expect(await (await rejects(ann.token("member"))).text()).toContain("zoe@engines.example");
    const refused = await rejects(ann.token("viewer"));
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain("masks for viewers");
    const fileId = randomUUID();
    await inTenant(
      server,
      ann.tenantId,
      `with job as (insert into lists.export_jobs (tenant_id, list_id, format) values ($1, $2, 'csv') returning tenant_id, id)
       insert into lists.export_files (tenant_id, id, export_job_id, file_name, storage_key, content_type, row_count, byte_count, sha256, expires_at)
       select tenant_id, $3, id, 'x.csv', 'x', 'text/csv', 1, 1, repeat('a', 64), now() + interval '1 day' from job`,
      [ann.tenantId, ann.listId, fileId],
    );
    const file = (token: string) =>
      server.post("query($id: ID!) { exportFile(id: $id) { downloadUrl } }", {
        token,
        variables: { id: encodeTypeId("file", fileId) },
      });
    expect((await file(ann.token("member"))).data.exportFile.downloadUrl).toContain("http");
    expect((await file(ann.token("viewer"))).errors![0]!.extensions["code"]).toBe("FORBIDDEN");
  });

  it("closes the open sockets of viewers when it is masked, and of nobody else", async () => {
    await mask(false);
    const [viewers, members] = (["viewer", "member"] as const).map((role) =>
      openSocket(server.socketUrl, { authorization: `Bearer ${ann.token(role)}` }),
    );
    const query = 'subscription { events(types: ["contact.*"]) { cursor } }';
    const connected = [viewers!, members!].map(
      ({ client }) => new Promise((resolve) => void client.on("connected", resolve)),
    );
    for (const each of [viewers!, members!])
      each
        .subscribe(query)
        .next()
        .catch(() => undefined);
    await Promise.all(connected);
    await mask(true);
    expect((await viewers!.closed).code).toBe(4401);
    await members!.client.dispose();
  });
});

describe("asking for it", () => {
  it("gives a contact's addresses and numbers in full, and a lead's, and is written to the audit log with the reason", async () => {
    const { data } = await ask(ann.token("viewer"), "  Called back about her order ");
    expect(data.unmaskContact.unmasked).toEqual({
      emails: ["zoe@engines.example", "z2@other.example"],
      phones: ["+12065550101"],
    });
    const lead = await server.post(
      `mutation($input: UnmaskLeadInput!) { unmaskLead(input: $input) { unmasked { emails phones } } }`,
      { token: ann.token("viewer"), variables: { input: { leadId, reason: "Asked for a price" } } },
    );
    expect(lead.data.unmaskLead.unmasked).toEqual({ emails: ["yan@engines.example"], phones: ["+12065550199"] });
    const log = await server.post(
      `{ auditLogs(filter: { action: { equalTo: UNMASK } }, orderBy: [ID_ASC]) { nodes { entityType newValues ipAddress requestId actor { id } } } }`,
      { token: ann.token() },
    );
    const entry = {
      ipAddress: "127.0.0.1",
      requestId: expect.any(String),
      actor: { id: encodeTypeId("actor", ann.actorId) },
    };
    expect(log.data.auditLogs.nodes).toEqual([
      { ...entry, entityType: "contacts", newValues: { reason: "Called back about her order" } },
      { ...entry, entityType: "leads", newValues: { reason: "Asked for a price" } },
    ]);
    // It was given once, and is masked as before.
    expect(await emailOf(ann.token("viewer"))).toBe("z•••@e•••.example");
  });

  it("needs a reason, and a contact of one's own tenant", async () => {
    for (const reason of ["", "   short  ", "x".repeat(501)])
      expect((await ask(ann.token("viewer"), reason)).errors![0]!.extensions).toMatchObject({
        code: "VALIDATION_FAILED",
        field: "reason",
      });
    const stranger = await createSomebody(server, "viewer");
    expect((await ask(stranger.token(), "Just curious about it")).errors![0]!.extensions["code"]).toBe("NOT_FOUND");
    const { rows } = await server.database.admin.query(
      "select from audit.audit_logs where action = 'unmask' and tenant_id = $1",
      [stranger.tenantId],
    );
    expect(rows).toEqual([]);
  });

  it("is limited for each actor, and not exceeded by many at once", async () => {
    await mask(true, 5);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        ask(ann.token("viewer"), "Calling them all today", contactId, i % 2 ? other : server),
      ),
    );
    const codes = answers.map(({ errors }) => errors?.[0]?.extensions["code"] as string | undefined);
    // Two were given before.
    expect(codes.filter((each) => each === undefined)).toHaveLength(3);
    expect(codes.filter((each) => each === "LIMIT_EXCEEDED")).toHaveLength(7);
    const refused = answers.find(({ errors }) => errors)!.errors![0]!;
    expect(refused.extensions["details"]).toEqual({ limit: 5, count: 5, name: "unmasksPerHour" });
  });
});
