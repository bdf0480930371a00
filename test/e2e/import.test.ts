import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { WorkerApp } from "../../worker/app.ts";
import { startTestWorker } from "../support/jobs.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { importInto } from "../support/imports.ts";

let server: TestServer;
let worker: WorkerApp;
let mia: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  worker = await startTestWorker(server.database);
  mia = await createSomebody(server);
});

afterAll(async () => {
  await worker?.stop();
  await server?.remove();
});

test("the demo file comes in whole", async () => {
  const file = readFileSync(new URL("../../db/seed/us-legislators-offices.csv", import.meta.url));
  const imported = await importInto(server, mia, file, { duplicatePolicy: "keep" });
  expect(imported).toMatchObject({ status: "completed", acceptedCount: 1849, rejectedCount: 0, insertedCount: 1849 });
});
