import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { BenchStack } from "./stack.ts";

/** Makes a list; returns its TypeID. */
export async function createList({ api }: BenchStack, name: string): Promise<string> {
  const { createList: made } = await api.query<{ createList: { list: { id: string } } }>(
    `mutation CreateList($name: String!) { createList(input: { list: { name: $name } }) { list { id } } }`,
    { name },
  );
  return made.list.id;
}

/** Imports a file and waits for the end of the merge. */
export async function importFile(
  { api }: BenchStack,
  listId: string,
  path: string,
  duplicatePolicy: string,
): Promise<void> {
  const { startImport } = await api.query<{ startImport: { listImport: { id: string; rowId: string } } }>(
    `mutation StartImport($listId: ID!, $duplicatePolicy: DuplicatePolicy) {
      startImport(input: { listId: $listId, duplicatePolicy: $duplicatePolicy }) { listImport { id rowId } }
    }`,
    { listId, duplicatePolicy },
  );
  const { id, rowId } = startImport.listImport;
  await api.upload(
    rowId,
    Readable.toWeb(createReadStream(path, { highWaterMark: 1 << 18 })) as ReadableStream<Uint8Array>,
  );
  await until(async () => {
    const query = `query Import($id: ID!) { listImport(id: $id) { status errorMessage } }`;
    const { listImport } = await api.query<{ listImport: { status: string; errorMessage: string | null } }>(query, {
      id,
    });
    if (listImport.status === "FAILED") throw new Error(listImport.errorMessage ?? "the import failed");
    return listImport.status === "COMPLETED";
  });
}

/** Makes a plan with the four steps and runs it; waits for its end. */
export async function enrichList({ api }: BenchStack, listId: string): Promise<void> {
  const made = await api.query<{ createEnrichmentPlan: { enrichmentPlan: { id: string } } }>(
    `mutation CreatePlan($listId: ID!) {
      createEnrichmentPlan(input: { enrichmentPlan: { listId: $listId, name: "All" } }) { enrichmentPlan { id } }
    }`,
    { listId },
  );
  const planId = made.createEnrichmentPlan.enrichmentPlan.id;
  const steps = ["PHONE", "EMAIL", "NAME", "ADDRESS"].map((block, i) => ({
    enrichmentPlanId: planId,
    block,
    position: i + 1,
  }));
  await api.query(
    `mutation CreateSteps($steps: [EnrichmentPlanStepInput!]!) {
      createEnrichmentPlanSteps(input: { enrichmentPlanSteps: $steps }) { affectedCount }
    }`,
    { steps },
  );
  await api.query(
    `mutation Run($planId: ID!) { runEnrichmentPlan(input: { planId: $planId }) { enrichmentPlan { id } } }`,
    { planId },
  );
  await until(async () => {
    const query = `query Progress($planId: ID!) { enrichmentPlan(id: $planId) { progress { status } } }`;
    const { enrichmentPlan } = await api.query<{ enrichmentPlan: { progress: { status: string } } }>(query, { planId });
    if (["FAILED", "CANCELLED"].includes(enrichmentPlan.progress.status)) throw new Error("the enrichment failed");
    return enrichmentPlan.progress.status === "SUCCEEDED";
  });
}

/** Exports a whole list as plain CSV with these columns; waits for its end and returns the size of the file in bytes. */
export async function exportList({ api }: BenchStack, listId: string, columns: readonly string[]): Promise<number> {
  const { startExport } = await api.query<{ startExport: { exportJob: { id: string } } }>(
    `mutation StartExport($listId: ID!, $columns: [String]) {
      startExport(input: { listId: $listId, columns: $columns, format: CSV }) { exportJob { id } }
    }`,
    { listId, columns },
  );
  const { id } = startExport.exportJob;
  let bytes = 0;
  await until(async () => {
    const query = `query Export($id: ID!) { exportJob(id: $id) { status byteCount errorMessage } }`;
    const { exportJob } = await api.query<{
      exportJob: { status: string; byteCount: string; errorMessage: string | null };
    }>(query, { id });
    if (exportJob.status === "FAILED") throw new Error(exportJob.errorMessage ?? "the export failed");
    bytes = Number(exportJob.byteCount);
    return exportJob.status === "SUCCEEDED";
  });
  return bytes;
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await sleep(50);
}
