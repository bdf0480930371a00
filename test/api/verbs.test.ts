import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { encodeTypeId } from "../../lib/type-id.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { spawned } from "../support/spawned.ts";
import { testSecret } from "../support/test-urls.ts";

let server: TestServer;
let ann: Somebody;
let bob: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  ann = await createSomebody(server);
  bob = await createSomebody(server);
});
afterAll(() => server.remove());

async function deadJob(somebody: Somebody): Promise<string> {
  const { rows } = await server.database.admin.query<{ id: string }>(
    "insert into pipeline.jobs (tenant_id, task, subject_type, subject_id, status) values ($1, 'x', 'lists', $2, 'dead') returning id",
    [somebody.tenantId, somebody.listId],
  );
  return encodeTypeId("job", rows[0]!.id);
}
const retry = "mutation($id: ID!) { retryJob(input: { jobId: $id }) { job { id status queuedBy { label } } } }";
const cancel = "mutation($id: ID!) { cancelJob(input: { jobId: $id }) { job { id status } } }";

describe("a verb", () => {
  it("takes TypeIDs, and brings its row with what it relates to", async () => {
    const id = await deadJob(ann);
    const retried = await server.post(retry, { token: ann.token(), variables: { id } });
    expect(retried.data.retryJob.job).toEqual({ id, status: "QUEUED", queuedBy: { label: "Zoë" } });
    const cancelled = await server.post(cancel, { token: ann.token(), variables: { id } });
    expect(cancelled.data.cancelJob.job).toEqual({ id, status: "CANCELLED" });
    const again = await server.post(cancel, { token: ann.token(), variables: { id } });
    expect(again.errors![0]!.extensions).toMatchObject({ code: "INVALID_STATE", field: "jobId" });
  });

  it("does not know another tenant's row", async () => {
    const { errors } = await server.post(retry, { token: bob.token(), variables: { id: await deadJob(ann) } });
    expect(errors![0]!.extensions["code"]).toBe("NOT_FOUND");
  });

  it("refuses an id of another kind, and a role that may not", async () => {
    const wrong = await server.post(retry, { token: ann.token(), variables: { id: ann.importTypeId } });
    expect(wrong.errors![0]!.extensions["code"]).toBe("VALIDATION_FAILED");
    const viewer = await server.post(retry, { token: ann.token("viewer"), variables: { id: await deadJob(ann) } });
    expect(viewer.errors![0]!.extensions["code"]).toBe("FORBIDDEN");
  });

  it("asks for the arguments that have no default", async () => {
    const { status, errors } = await server.post("mutation { retryJob(input: {}) { job { id } } }", {
      token: ann.token(),
    });
    expect(status).toBe(400);
    expect(errors![0]!.message).toContain("jobId");
  });

  it("takes the kinds of TypeIDs that are not called after their table", async () => {
    await inTenant(server, ann.tenantId, "insert into lists.export_jobs (list_id) values ($1)", [ann.listId]);
    const { data } = await server.post("{ exportJobs { nodes { id } } }", { token: ann.token() });
    const { id } = data.exportJobs.nodes[0];
    const cancelExport = "mutation($id: ID!) { cancelExport(input: { exportId: $id }) { exportJob { id status } } }";
    const done = await server.post(cancelExport, { token: ann.token(), variables: { id } });
    expect(done.data.cancelExport.exportJob).toEqual({ id, status: "CANCELLED" });
  });
});

describe("the token command", () => {
  const run = async (...args: string[]) => {
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: "test",
      ROWHOUSE_SECRET: testSecret,
      ROWHOUSE_SERVER_DATABASE_URL: server.database.serverUrl,
    };
    const command = spawned(process.execPath, ["server/token.ts", ...args], { env });
    return { code: await command.end(), said: command.output().trim() };
  };

  it("prints a token of a member who has the role, and nothing else", async () => {
    const { code, said } = await run("--tenant", ann.slug, "--role", "member");
    expect(code).toBe(0);
    const { data } = await server.post("{ me { user { email } tenant { slug } role } }", { token: said });
    expect(data.me).toEqual({ user: { email: ann.email }, tenant: { slug: ann.slug }, role: "MEMBER" });
  });

  it("prints a token of the system actor when no member has the role", async () => {
    const { said } = await run("--tenant", ann.slug, "--role", "manager", "--minutes", "5");
    const { data } = await server.post("{ me { user { email } role tenant { slug } } lists { nodes { name } } }", {
      token: said,
    });
    expect(data).toMatchObject({
      me: { user: null, role: "MANAGER", tenant: { slug: ann.slug } },
      lists: { nodes: [{ name: "Members" }] },
    });
  });

  it.each([
    [["--tenant", "nowhere"], /no tenant with the slug "nowhere"/],
    [["--tenant", "x", "--role", "boss"], /"boss" is not a role/],
    [["--tenant", "x", "--minutes", "1e9"], /--minutes must be/],
    [["--wrong"], /Usage/],
    [[], /--tenant is missing/],
  ])("with %j ends with 1 and says what is wrong", async (args, reason) => {
    const { code, said } = await run(...args);
    expect(code).toBe(1);
    expect(said).toMatch(reason);
  });
});
