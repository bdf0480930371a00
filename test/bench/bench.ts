import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { projectDir } from "../../lib/config.ts";
import { generateTenants } from "../../db/seed/generate/generate-tenants.ts";
import { benchAuthentication } from "./authentication.ts";
import { benchEnrichment } from "./enrichment.ts";
import { benchExport } from "./export.ts";
import { benchFeed } from "./feed.ts";
import { benchImport } from "./import.ts";
import { benchIncomingWebhooks } from "./incoming-webhooks.ts";
import { benchLookups } from "./lookups.ts";
import { type Figure, figuresTable } from "./measure.ts";
import { benchRowLevelSecurity } from "./row-level-security.ts";
import { benchSearch } from "./search.ts";
import { startBenchStack } from "./stack.ts";
import { benchSubscribers } from "./subscribers.ts";
import { benchWebhooks } from "./webhooks.ts";

/** npm run bench: measures everything in one run on one stack, and writes docs/benchmarks.md. `-- --rows 100000` is a quick look. */
async function main(): Promise<void> {
  const flag = process.argv.indexOf("--rows");
  const rows = flag >= 0 ? Number(process.argv[flag + 1]) : 1_000_000;
  const stack = await startBenchStack();
  process.once("SIGINT", () => void stack.stop().finally(() => process.exit(130)));
  const figures: Figure[] = [];
  const tell = (more: Figure[]) => {
    figures.push(...more);
    for (const figure of more)
      console.log(`${figure.what}: ${figure.measured}, ${figure.comparedWith}; ratio ${figure.ratio} (${figure.goal})`);
  };
  const plans: string[] = [];
  /** What goes wrong in one part is said in its place, and the others are measured. The report is written after each. */
  const part = async (what: string, measure: () => Promise<{ figures: Figure[]; plans?: string[] } | Figure[]>) => {
    try {
      const result = await measure();
      tell(Array.isArray(result) ? result : result.figures);
      if (!Array.isArray(result)) plans.push(...(result.plans ?? []));
    } catch (error) {
      console.error(error);
      tell([{ what, measured: "nothing", comparedWith: "it failed", ratio: "", goal: "to be measured", isMet: false }]);
    }
    if (rows === 1_000_000) writeFileSync(join(projectDir, "docs/benchmarks.md"), report(figures, plans));
  };
  try {
    await part("authentication", () => benchAuthentication(stack));
    await part("the feed", () => benchFeed(stack));
    const imported = await benchImport(stack, rows);
    await part("import", async () => imported);
    await part("look-ups", () => benchLookups(stack, imported.listId));
    await part("export", () => benchExport(stack, imported.listId, rows));
    await part("enrichment", () => benchEnrichment(stack, imported.listId, rows));
    await part("subscribers", () => benchSubscribers(stack));
    await part("incoming webhooks", () => benchIncomingWebhooks(stack));
    await part("outgoing webhooks", () => benchWebhooks(stack, Math.min(rows / 100, 10_000)));
    // One tenant with most of the contacts among a hundred, and everything that goes with contacts: a dozen rows each.
    const options = {
      contacts: rows / 5,
      tenants: 100,
      largest: 0.9,
      seed: 1,
      prefix: "bench",
      until: new Date("2026-11-01"),
    };
    const { tenantIds } = await generateTenants(stack.admin, options, (line) => console.log(line));
    await part("row-level security", () => benchRowLevelSecurity(stack, tenantIds[0]!));
    await part("search", () => benchSearch(stack, tenantIds));
  } finally {
    await stack.stop();
  }
  if (figures.some((figure) => !figure.isMet)) process.exitCode = 1;
}

function report(figures: Figure[], plans: string[]): string {
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `# Benchmarks

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: one machine with ${machine}, everything on it — PostgreSQL (durable: fsync on),
one server process, one worker process and the client. Machines differ and are noisy; each line is a ratio of two measurements of one run.

${figuresTable(figures)}

"Raw COPY" is \`COPY … FROM\` of the same file into a table made \`like lists.list_entries including all\`: the same columns, defaults, checks and
indexes, its foreign keys where it says identical, no triggers, and without the JSON of the row. An import does what the raw COPY does and also reads the encoding,
checks each line, keeps the row as JSON, normalises phones and e-mails, finds duplicates, and checks foreign keys and the tenant of every row.

## Plans

As the role of a viewer, behind row-level security, for the tenant with a million entries:

\`\`\`
${plans.join("\n\n")}
\`\`\`
`;
}

await main();
