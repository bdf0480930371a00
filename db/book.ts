import { readFileSync } from "node:fs";

const schema = new URL("./schema/", import.meta.url);

/** The whole book as one SQL text: `db/schema/index.sql` with every file that it includes, as graphile-migrate reads it. */
export function readBook(file = "index.sql"): string {
  return readFileSync(new URL(file, schema), "utf8").replace(
    /^--![ \t]*include[ \t]+(.*\.sql)[ \t]*$/gm,
    (_, included: string) => readBook(included),
  );
}
