import { roleUrl, type DatabaseUrls } from "../../lib/database-urls.ts";

/** The secret of every test. */
export const testSecret = "the secret of every test, known to all";

/** The database that has the queue and nothing of ours. */
export const emptyTemplate = "template_empty";

/** The database that the ledger built. */
export const ledgerTemplate = "template_ledger";

/** The URLs of all roles for an administrator's URL. */
export function testUrls(adminUrl: string): DatabaseUrls {
  return {
    admin: adminUrl,
    server: roleUrl(adminUrl, "rowhouse_server", testSecret),
    worker: roleUrl(adminUrl, "rowhouse_worker", testSecret),
  };
}
