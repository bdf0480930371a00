import pg from "pg";
import { readBook } from "../../db/book.ts";
import { makeMonths, prepareDatabase } from "../../lib/migrate.ts";

/** Makes a database as the book describes it, in one transaction; again changes nothing. */
export async function applyBook(url: string): Promise<void> {
  await prepareDatabase(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`begin; set local role rowhouse_owner; ${readBook()}; commit;`);
  } finally {
    await client.end();
  }
  await makeMonths(url);
}
