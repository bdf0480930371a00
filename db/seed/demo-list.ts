import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ApiClient } from "./api-client.ts";

const DEMO_FILE = fileURLToPath(new URL("us-legislators-offices.csv", import.meta.url));
const LIST_NAME = "Members of Congress, by office";

/** How far the demo list is: a step, and a fraction from 0 to 1. */
export type OnDemoProgress = (step: "import" | "enrichment" | "export", fraction: number) => void;

/** What the demo list came to. */
export interface DemoSummary {
  readonly rowsImported: number;
  readonly rowsRejected: number;
  readonly phonesValid: number;
  readonly exportsWritten: number;
  /** Where the exported file can be downloaded for a while. */
  readonly downloadUrl: string | undefined;
}

/**
 * Sends the demo list the whole way, as a client of the API would: upload, import, enrichment, export. Does what is left
 * to do when it was done, or begun, before.
 */
export async function pushDemoList(api: ApiClient, onProgress: OnDemoProgress): Promise<DemoSummary> {
  const listId = (await findList(api)) ?? (await createList(api));
  await importFile(api, listId, onProgress);
  await awaitEnrichment(api, listId, onProgress);
  await exportList(api, listId, onProgress);
  return summarise(api, listId);
}

async function findList(api: ApiClient): Promise<string | undefined> {
  const query = `query FindList($name: String!) { lists(filter: { name: { equalTo: $name } }) { nodes { id } } }`;
  const { lists } = await api.query<{ lists: { nodes: { id: string }[] } }>(query, { name: LIST_NAME });
  return lists.nodes[0]?.id;
}

async function createList(api: ApiClient): Promise<string> {
  const list = await api.query<{ createList: { list: { id: string } } }>(
    `mutation CreateList($name: String!) {
      createList(input: { list: { name: $name, description: "One row for each office; public domain (CC0)" } }) { list { id } }
    }`,
    { name: LIST_NAME },
  );
  const listId = list.createList.list.id;
  const plan = await api.query<{ createEnrichmentPlan: { enrichmentPlan: { id: string } } }>(
    `mutation CreatePlan($listId: ID!) {
      createEnrichmentPlan(input: { enrichmentPlan: { listId: $listId, name: "Check and complete", isAutoRun: true, batchSize: 200 } }) {
        enrichmentPlan { id }
      }
    }`,
    { listId },
  );
  const enrichmentPlanId = plan.createEnrichmentPlan.enrichmentPlan.id;
  const steps = ["PHONE", "EMAIL", "NAME", "ADDRESS"].map((block, i) => ({ enrichmentPlanId, block, position: i + 1 }));
  await api.query(
    `mutation CreateSteps($steps: [EnrichmentPlanStepInput!]!) {
      createEnrichmentPlanSteps(input: { enrichmentPlanSteps: $steps }) { affectedCount }
    }`,
    { steps },
  );
  return listId;
}

interface ImportState {
  readonly id: string;
  readonly rowId: string;
  readonly status: string;
  readonly errorMessage: string | null;
}

async function importFile(api: ApiClient, listId: string, onProgress: OnDemoProgress): Promise<void> {
  const find = `query FindImport($listId: ID!) {
    list(id: $listId) { imports(orderBy: ID_DESC, first: 1) { nodes { id rowId status errorMessage } } }
  }`;
  const latest = async () =>
    (await api.query<{ list: { imports: { nodes: ImportState[] } } }>(find, { listId })).list.imports.nodes[0];
  let state = await latest();
  if (!state || ["CANCELLED", "UNDONE"].includes(state.status)) {
    // One phone may serve several offices here: each row is an office of its own.
    await api.query(
      `mutation StartImport($listId: ID!) {
        startImport(input: { listId: $listId, fileName: "us-legislators-offices.csv", duplicatePolicy: KEEP }) { listImport { id } }
      }`,
      { listId },
    );
    state = (await latest())!;
  }
  if (["AWAITING_UPLOAD", "UPLOADING", "INTERRUPTED", "FAILED"].includes(state.status)) {
    await api.upload(state.rowId, Readable.toWeb(createReadStream(DEMO_FILE)) as ReadableStream<Uint8Array>);
  }
  await until(async () => {
    const { status, errorMessage } = (await latest())!;
    onProgress("import", status === "COMPLETED" ? 1 : 0.5);
    if (["FAILED", "CANCELLED", "INTERRUPTED"].includes(status)) {
      throw new Error(`The demo import is ${status.toLowerCase()}: ${errorMessage ?? "no reason was given"}`);
    }
    return status === "COMPLETED";
  });
}

async function awaitEnrichment(api: ApiClient, listId: string, onProgress: OnDemoProgress): Promise<void> {
  const query = `query Enrichment($listId: ID!) {
    list(id: $listId) { enrichmentPlans(first: 1) { nodes { progress { entryCount processedCount status } } } }
  }`;
  interface Answer {
    list: {
      enrichmentPlans: { nodes: { progress: { entryCount: string; processedCount: string; status: string } | null }[] };
    };
  }
  await until(async () => {
    const progress = (await api.query<Answer>(query, { listId })).list.enrichmentPlans.nodes[0]?.progress;
    if (!progress) return true;
    const [total, done] = [Number(progress.entryCount), Number(progress.processedCount)];
    onProgress("enrichment", total > 0 ? done / total : 0);
    if (progress.status === "FAILED")
      throw new Error("The enrichment of the demo list failed; see its batches and the worker's log.");
    return progress.status === "SUCCEEDED" || progress.status === "CANCELLED";
  });
}

async function exportList(api: ApiClient, listId: string, onProgress: OnDemoProgress): Promise<void> {
  const find = `query FindExport($listId: ID!) {
    list(id: $listId) { exportJobs(orderBy: ID_DESC, first: 1) { nodes { status rowCount totalCount errorMessage } } }
  }`;
  interface Answer {
    list: {
      exportJobs: {
        nodes: { status: string; rowCount: string; totalCount: string | null; errorMessage: string | null }[];
      };
    };
  }
  const latest = async () => (await api.query<Answer>(find, { listId })).list.exportJobs.nodes[0];
  const state = await latest();
  if (!state || ["FAILED", "CANCELLED", "EXPIRED"].includes(state.status)) {
    await api.query(
      `mutation StartExport($listId: ID!, $filter: JSON) {
        startExport(input: { listId: $listId, filter: $filter, format: CSV }) { exportJob { id } }
      }`,
      { listId, filter: { phoneStatus: { equalTo: "VALID" } } },
    );
  }
  await until(async () => {
    const { status, rowCount, totalCount, errorMessage } = (await latest())!;
    onProgress("export", status === "SUCCEEDED" ? 1 : Number(rowCount) / (Number(totalCount) || 1));
    if (status === "FAILED") throw new Error(`The demo export failed: ${errorMessage ?? "no reason was given"}`);
    return status === "SUCCEEDED";
  });
}

async function summarise(api: ApiClient, listId: string): Promise<DemoSummary> {
  const query = `query Summary($listId: ID!) {
    list(id: $listId) {
      imports(orderBy: ID_DESC, first: 1) { nodes { insertedCount rejectedCount } }
      exportJobs(filter: { status: { equalTo: SUCCEEDED } }, orderBy: ID_DESC, first: 1) {
        totalCount
        nodes { rowCount exportFiles(first: 1) { nodes { downloadUrl } } }
      }
    }
  }`;
  interface Answer {
    list: {
      imports: { nodes: { insertedCount: string; rejectedCount: string }[] };
      exportJobs: {
        totalCount: number;
        nodes: { rowCount: string; exportFiles: { nodes: { downloadUrl: string }[] } }[];
      };
    };
  }
  const { list } = await api.query<Answer>(query, { listId });
  const [imported, exported] = [list.imports.nodes[0], list.exportJobs.nodes[0]];
  return {
    rowsImported: Number(imported?.insertedCount ?? 0),
    rowsRejected: Number(imported?.rejectedCount ?? 0),
    // The export holds the entries whose phone is valid.
    phonesValid: Number(exported?.rowCount ?? 0),
    exportsWritten: list.exportJobs.totalCount,
    downloadUrl: exported?.exportFiles.nodes[0]?.downloadUrl,
  };
}

/** Asks again and again, for two minutes at most. */
async function until(isDone: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await isDone())) {
    if (Date.now() > deadline)
      throw new Error("The demo list is still under way after two minutes; see the worker's log.");
    await sleep(150);
  }
}
