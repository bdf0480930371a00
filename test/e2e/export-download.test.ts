import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import express from "express";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { pino } from "pino";
import { createTenantStore } from "../../lib/export-files.ts";
import { signLink } from "../../lib/signed-link.ts";
import { exportDownload } from "../../server/http/export-download.ts";
import { requestScope } from "../../server/http/request-scope.ts";
import { openExportHouse, type ExportFileRow, type ExportHouse } from "../support/exports.ts";
import { createTenant, inTenant, insertEntries } from "../support/jobs.ts";

let house: ExportHouse;
let server: Server;
let origin: string;
let tenantId: string;
let listId: string;
let file: ExportFileRow;
let content: string;

const former = "the secret that signed before this one";
const inAnHour = () => new Date(Date.now() + 3_600_000);

beforeAll(async () => {
  house = await openExportHouse();
  ({ tenantId, listId } = await createTenant(house.database));
  await insertEntries(house.database, tenantId, listId, [{ full_name: "Zoë", data: {} }]);
  await inTenant(house.database, tenantId, (client) => client.query("update lists.lists set name = 'Zoë’s list'"));
  const store = createTenantStore(house.config);
  const { secret } = house.config;
  const log = pino({ level: "silent" });
  const app = express();
  app.use(requestScope());
  app.use("/exports", exportDownload({ pool: house.database.server, store, secrets: [secret, former], log }));
  server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(async () => {
  const { id } = await house.run(tenantId, listId, { columns: ["full_name"] });
  file = await house.file(id);
  content = (await house.content(id)).toString();
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await house.close();
});

const link = (target = { tenantId, fileId: file.id }, expiresAt = inAnHour()) =>
  `${origin}${signLink(house.config.secret, target, expiresAt)}`;

describe("a download", () => {
  it("brings the file as it was written, under its name, and is counted", async () => {
    const response = await fetch(link());
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/csv; charset=utf-8",
      "content-length": String(Buffer.byteLength(content)),
      "content-disposition": expect.stringMatching(/^attachment; .*filename\*=UTF-8''Zo%C3%AB%E2%80%99s%20list/),
      "accept-ranges": "bytes",
      etag: `"${file.sha256}"`,
    });
    expect(await response.text()).toBe(content);
    await fetch(link(), { method: "HEAD" });
    expect((await house.file(file.export_job_id)).download_count).toBe(1);
  });

  it("is not sent again to one who has it", async () => {
    const response = await fetch(link(), { headers: { "if-none-match": `"${file.sha256}"` } });
    expect([response.status, await response.text()]).toEqual([304, ""]);
  });

  it.each([
    ["bytes=0-3", 206, 0, 3],
    ["bytes=4-", 206, 4, undefined],
    ["bytes=-3", 206, -3, undefined],
    ["bytes=0-1,5-6", 200, 0, undefined],
    ["lines=0-1", 200, 0, undefined],
  ])("for the range %s answers with %i", async (range, status, from, to) => {
    const response = await fetch(link(), { headers: { range } });
    expect(response.status).toBe(status);
    const bytes = Buffer.from(content).subarray(from, to === undefined ? undefined : to + 1);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
  });

  it("beyond the end of the file is refused with its size", async () => {
    const response = await fetch(link(), { headers: { range: "bytes=1000-" } });
    expect(response.status).toBe(416);
    expect(response.headers.get("content-range")).toBe(`bytes */${Buffer.byteLength(content)}`);
  });

  it("goes on only when the file is the same", async () => {
    const headers = { range: "bytes=4-", "if-range": '"another"' };
    expect((await fetch(link(), { headers })).status).toBe(200);
  });
});

describe("a link", () => {
  it("that a former secret signed is good until it ends", async () => {
    const target = { tenantId, fileId: file.id };
    expect((await fetch(`${origin}${signLink(former, target, inAnHour())}`)).status).toBe(200);
    expect((await fetch(`${origin}${signLink(former, target, new Date(Date.now() - 1000))}`)).status).toBe(410);
    expect((await fetch(`${origin}${signLink("a secret of nobody", target, inAnHour())}`)).status).toBe(403);
  });

  it.each<[string, () => string, number, string]>([
    ["is changed", () => link().replace(/.$/, (last) => (last === "0" ? "1" : "0")), 403, "FORBIDDEN"],
    ["has no signature", () => link().replace(/&signature=.*/, ""), 403, "FORBIDDEN"],
    ["has its expiry moved", () => link().replace(/expires=(\d+)/, "expires=9$1"), 403, "FORBIDDEN"],
    ["has no number for its expiry", () => link().replace(/expires=\d+/, "expires=NaN"), 403, "FORBIDDEN"],
    ["has expired", () => link(undefined, new Date(Date.now() - 1000)), 410, "NOT_FOUND"],
    ["names no file", () => link({ tenantId, fileId: "01900000-0000-7000-8000-000000000000" }), 410, "NOT_FOUND"],
  ])("that %s is refused, as JSON that says why", async (_, url, status, code) => {
    const response = await fetch(url());
    expect(response.status).toBe(status);
    expect(response.headers.get("content-disposition")).toBeNull();
    expect(await response.json()).toMatchObject({ code, message: expect.stringMatching(/link|export/) });
  });

  it("that was rightly signed for a file of another tenant finds nothing", async () => {
    const other = await createTenant(house.database);
    expect((await fetch(link({ tenantId: other.tenantId, fileId: file.id }))).status).toBe(410);
  });

  it("to a file whose time is over is refused although the file still lies there", async () => {
    await house.database.admin.query("update lists.export_files set expires_at = now() where id = $1", [file.id]);
    expect((await fetch(link())).status).toBe(410);
  });
});

it("an empty file is downloaded as one", async () => {
  const empty = await createTenant(house.database);
  const { id } = await house.run(empty.tenantId, empty.listId, { format: "jsonl" });
  const { id: fileId } = await house.file(id);
  const response = await fetch(link({ tenantId: empty.tenantId, fileId }));
  expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([200, "0", ""]);
});
