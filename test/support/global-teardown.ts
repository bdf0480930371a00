import { clusterHolder } from "./global-setup.ts";

/** Stops the run's PostgreSQL and deletes its data. */
export default async function globalTeardown(): Promise<void> {
  await clusterHolder.testCluster?.remove();
}
