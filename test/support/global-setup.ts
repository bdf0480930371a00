import { ensureDatabase, ensureRoles, migrate, prepareDatabase } from "../../lib/migrate.ts";
import { withDatabase } from "../../lib/database-urls.ts";
import { applyBook } from "./apply-book.ts";
import { startTestCluster, type TestCluster } from "./test-cluster.ts";
import { emptyTemplate, ledgerTemplate, testUrls } from "./test-urls.ts";

/** Where the teardown, which jest loads separately, finds the cluster. */
export const clusterHolder = globalThis as typeof globalThis & { testCluster?: TestCluster };

/**
 * Starts one PostgreSQL for the whole run and builds the databases that test files are given copies of: from the
 * ledger, or from the book where TEST_FROM=book asks for it, to try a change that no migration has yet.
 */
export default async function globalSetup(): Promise<void> {
  const cluster = await startTestCluster();
  clusterHolder.testCluster = cluster;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void cluster.remove().finally(() => process.exit(1)));
  }
  try {
    const { adminUrl } = cluster.postgres;
    await ensureRoles(testUrls(adminUrl));
    for (const [name, build] of [
      [emptyTemplate, prepareDatabase],
      [ledgerTemplate, process.env.TEST_FROM === "book" ? applyBook : migrate],
    ] as const) {
      const url = withDatabase(adminUrl, name);
      await ensureDatabase(url);
      await build(url);
    }
    process.env.TEST_DATABASE_URL = adminUrl;
  } catch (error) {
    await cluster.remove();
    throw error;
  }
}
