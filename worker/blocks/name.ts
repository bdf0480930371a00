import { z } from "zod";
import { blockResult, type Block, type BlockResult, type Claim, type EntryField, type EntryFields } from "./block.ts";
import { entryText, shorten } from "./entry-text.ts";
import { caseFamilyName, caseGivenName, caseHonorific, caseSuffix, isOneCase } from "./name-case.ts";
import { splitName, splitSuffix, type NameParts } from "./name-parts.ts";
import { ownOrigin, packageOrigin } from "./package-version.ts";

const config = z.strictObject({
  fixCase: z
    .boolean()
    .default(true)
    .describe("Whether names written in capitals or small letters only get proper ones."),
});

const parser = { ...packageOrigin("parse-full-name"), confidence: 0.9 };
const single = { ...parser, confidence: 0.5 };
const casing = packageOrigin("@foundernest/namecase");
const own = ownOrigin();

const LONGEST_NAME = 200;
const FILLERS = new Set([
  "n/a",
  "none",
  "unknown",
  "null",
  "undefined",
  "anonymous",
  "no name",
  "test",
  "tbd",
  "-",
  "?",
]);
const ORGANISATION =
  /(?:^|\s)(?:inc|llc|l\.l\.c|ltd|limited|corp|corporation|gmbh|llp|plc|pllc|co|company|foundation|university|association|committee|department|holdings)\.?$/i;
// Scripts written without spaces between the parts of a name.
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}・]+$/u;

const COLUMNS = {
  honorific: "honorific",
  first: "firstName",
  middle: "middleName",
  last: "lastName",
  suffix: "nameSuffix",
  nickname: "nickname",
} as const satisfies Record<keyof NameParts, EntryField>;
const PARTS = Object.keys(COLUMNS) as (keyof NameParts)[];

function fault(name: string): string | null {
  if (name.length > LONGEST_NAME)
    return `A name of ${name.length} characters is longer than the ${LONGEST_NAME} that are read.`;
  if (FILLERS.has(name.toLowerCase())) return `“${name}” stands for no name.`;
  if (!/\p{L}/u.test(name)) return `“${shorten(name)}” has no letters.`;
  if (/@|https?:|www\./i.test(name)) return `“${shorten(name)}” is an address, not a name.`;
  return null;
}

function withCase(parts: NameParts): NameParts {
  return {
    honorific: parts.honorific === "" ? "" : caseHonorific(parts.honorific),
    first: caseGivenName(parts.first),
    middle: caseGivenName(parts.middle),
    last: caseFamilyName(parts.last),
    suffix: caseSuffix(parts.suffix),
    nickname: caseGivenName(parts.nickname),
  };
}

function display({ honorific, first, nickname, middle, last, suffix }: NameParts): string {
  const quoted = nickname === "" ? "" : `"${nickname}"`;
  return [honorific, first, middle, quoted, last, suffix].filter((part) => part !== "").join(" ");
}

const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Completes the given parts by those that the full name tells, as far as the two speak of the same person. */
function complete(given: NameParts, read: NameParts | null): NameParts {
  const [last, suffix] = splitSuffix(given.last);
  const parts = suffix !== "" && given.suffix === "" ? { ...given, last, suffix } : { ...given };
  if (read === null) return parts;
  const agrees =
    (parts.first === "" || same(parts.first, read.first) || same(parts.first, read.nickname)) &&
    (parts.last === "" || same(parts.last, read.last));
  if (agrees) for (const part of PARTS) parts[part] ||= read[part];
  return parts;
}

function run(entry: Readonly<EntryFields>, { fixCase }: z.output<typeof config>): BlockResult {
  const fullName = entryText(entry.fullName);
  const given = Object.fromEntries(
    PARTS.map((part) => [part, entryText(entry[COLUMNS[part]])]),
  ) as unknown as NameParts;
  const everything = PARTS.map((part) => given[part])
    .join(" ")
    .trim();
  if (fullName === "" && given.first === "" && given.last === "") {
    return blockResult(entry, "skipped", [["nameStatus", "unknown", own]], {}, "There is no name.");
  }
  const reason = fault(fullName || everything) ?? (everything === "" ? null : fault(everything));
  if (reason !== null) return blockResult(entry, "invalid", [["nameStatus", "invalid", own]], {}, reason);
  if (everything === "" && (ORGANISATION.test(fullName) || same(fullName, entryText(entry.companyName)))) {
    const skipped = `“${shorten(fullName)}” is the name of an organisation.`;
    return blockResult(entry, "skipped", [["nameStatus", "unknown", own]], { isOrganisation: true }, skipped);
  }
  if (UNSPACED.test(fullName) && everything === "") {
    return blockResult(
      entry,
      "found",
      [["nameStatus", "valid", own]],
      {},
      "The name's script does not separate its parts.",
    );
  }
  // The full name and the parts may come from two columns, of which only one is written in capitals.
  const recaseFull = fixCase && isOneCase(fullName);
  const recaseGiven = fixCase && isOneCase(everything);
  const split = fullName === "" ? null : splitName(fullName, recaseFull);
  const read = split !== null && recaseFull ? withCase(split) : split;
  const asGiven = complete(given, null);
  const parts = complete(recaseGiven ? withCase(asGiven) : asGiven, read);
  const recased = recaseFull || recaseGiven;
  const origin = recased ? casing : split !== null && split.last === "" ? single : parser;
  const claims: Claim[] = [];
  for (const part of PARTS) if (parts[part] !== "") claims.push([COLUMNS[part], parts[part], origin]);
  // What a person wrote as the full name stays, unless nobody chose its capitals.
  if (fullName === "" || recaseFull) claims.push(["fullName", display(parts), recased ? casing : own]);
  claims.push(["nameStatus", "valid", own]);
  const found = Object.fromEntries(PARTS.flatMap((part) => (parts[part] === "" ? [] : [[part, parts[part]]])));
  return blockResult(entry, "found", claims, recased ? { ...found, recased } : found);
}

/** Parts and capitals of the entry's personal name. */
export const nameBlock: Block<z.output<typeof config>> = {
  name: "name",
  description: "Splits the name into its parts and gives names in capitals or small letters proper ones.",
  config,
  reads: ["fullName", "companyName", ...PARTS.map((part) => COLUMNS[part]), "nameStatus"],
  writes: ["fullName", ...PARTS.map((part) => COLUMNS[part]), "nameStatus"],
  run,
};
