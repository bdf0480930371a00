/** A program that runs the embedded PostgreSQL on the folder it is given until SIGTERM; it tells where as a line of JSON. */
import { startEmbeddedPostgres } from "../../lib/embedded-postgres.ts";

const dataDir = process.argv[2]!;
try {
  const postgres = await startEmbeddedPostgres({ dataDir, sharedBuffers: "16MB", fsync: true });
  process.on("SIGTERM", () => void postgres.stop().then(() => process.exit(0)));
  const alive = setInterval(() => undefined, 60_000);
  void postgres.ended.then(() => clearInterval(alive));
  console.log(JSON.stringify({ adminUrl: postgres.adminUrl, recovered: postgres.recovered }));
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
