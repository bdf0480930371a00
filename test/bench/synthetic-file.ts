import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";

const FIRST = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Radia", "Tim"];
const LAST = ["Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Thompson", "Perlman", "Lee"];
const PLACES = [
  ["Seattle", "WA", "98174"],
  ["Boston", "MA", "02116"],
  ["Austin", "TX", "78701"],
  ["Denver", "CO", "80202"],
  ["Chicago", "IL", "60601"],
] as const;
const AREAS = ["206", "617", "512", "303", "312"];

/** The header of {@link writeSyntheticFile}; the names are recognised without a mapping. */
export const SYNTHETIC_HEADER = [
  "first_name",
  "last_name",
  "email",
  "phone",
  "company_name",
  "address_line1",
  "city",
  "state",
  "postal_code",
  "country",
];

/** Writes a CSV file of people who do not exist: the same rows for the same numbers, all different from each other. */
export async function writeSyntheticFile(path: string, rows: number, offset = 0): Promise<void> {
  const out = createWriteStream(path, { highWaterMark: 1 << 20 });
  out.write(`${SYNTHETIC_HEADER.join(",")}\n`);
  let chunk = "";
  for (let i = offset; i < offset + rows; i++) {
    chunk += `${syntheticRow(i).join(",")}\n`;
    if (chunk.length > 1 << 18) {
      if (!out.write(chunk)) await new Promise((resolve) => out.once("drain", () => resolve(undefined)));
      chunk = "";
    }
  }
  out.end(chunk);
  await finished(out);
}

/** The fields of row `i`, in the order of {@link SYNTHETIC_HEADER}; the phone is in E.164, so that a raw COPY can keep it. */
export function syntheticRow(i: number): string[] {
  const place = PLACES[i % 5]!;
  const last = `${LAST[i % 10]}${((i * 7919) % 1_000_000).toString(36)}`;
  // Ten million numbers an area code less those that no exchange begins with.
  const line = 2_000_000 + ((i * 11) % 7_999_999);
  return [
    FIRST[(i * 3) % 10]!,
    last,
    `${last.toLowerCase()}.${i}@company${i % 5000}.com`,
    `+1${AREAS[Math.floor(i / 5) % 5]}${line}`,
    `Company ${i % 5000}`,
    `${1 + (i % 9000)} Main Street`,
    place[0],
    place[1],
    place[2],
    "US",
  ];
}
