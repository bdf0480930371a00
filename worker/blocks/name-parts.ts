import { parseFullName } from "parse-full-name";
import { isSuffix } from "./name-case.ts";

/** The parts of a person's name in the capitals of the text; the empty string where there is none. */
export interface NameParts {
  honorific: string;
  first: string;
  middle: string;
  last: string;
  suffix: string;
  nickname: string;
}

/** Titles that stand before a name; the parser's own long list has Dean, Earl and Judge, which are names too. */
const HONORIFICS = new Set(
  (
    "mr mrs ms miss mx dr prof professor doctor rev reverend fr father sr sister hon honorable sen senator rep " +
    "representative congressman congresswoman gov governor mayor capt captain col colonel gen general lt sgt maj sir dame"
  ).split(" "),
);

/** Words that the parser takes for particles of a family name, of which a given name can be one. */
const PARTICLES = new Set(
  "ab bar bin da dal de del della der di du ibn l' la le san st st. ste ter van vel ver vere von".split(" "),
);

/** Words that the parser would take for a title or conjunction wherever they stand. */
const MISTAKEN = new Set(
  "dr miss mr mrs ms prof sir frau herr hr monsieur captain doctor judge officer professor ind misc mx e et of the und y".split(
    " ",
  ),
);
const CONJUNCTIONS = new Set(["e", "y", "et", "und"]);

// A letter that no name has, put behind a word to hide it from the parser's lists.
const MASK = "\ue000";

function stripHonorifics(words: string[]): string {
  const titles: string[] = [];
  while (words.length > 1) {
    const word = words[0] ?? "";
    const bare = word.toLowerCase().replace(/\.$/, "");
    const isThe = bare === "the" && HONORIFICS.has((words[1] ?? "").toLowerCase().replace(/\.$/, ""));
    if (!isThe && (!HONORIFICS.has(bare) || word.endsWith(","))) break;
    titles.push(word);
    words.shift();
  }
  return titles.join(" ");
}

/** A trailing V or VI is a suffix only behind a first and a last name; the parser stops counting at IV. */
function stripHighNumeral(words: string[]): string {
  const last = words.at(-1) ?? "";
  return words.length > 2 && /^(?:V|VI|VII|VIII)$/.test(last) ? (words.pop() ?? "") : "";
}

function mask(words: readonly string[], isOneCase: boolean): string[] {
  const hasComma = words.some((word) => word.endsWith(","));
  return words.map((word, index) => {
    const comma = word.endsWith(",") ? "," : "";
    const bare = comma ? word.slice(0, -1) : word;
    const key = bare.toLowerCase();
    const isMistaken =
      MISTAKEN.has(key.replace(/\.$/, "")) && !(CONJUNCTIONS.has(key) && !isOneCase && bare === key && key !== "e");
    const next = (words[index + 1] ?? "").toLowerCase();
    const isGivenParticle =
      index === 0 && !hasComma && PARTICLES.has(key) && !key.startsWith("st") && !PARTICLES.has(next);
    return isMistaken || isGivenParticle ? `${bare}${MASK}${comma}` : word;
  });
}

/**
 * Splits a person's name as written, `Last, First` too, into its parts. A single word counts as a first name. The text must
 * be clean (single spaces) and not empty.
 */
export function splitName(fullName: string, isOneCase: boolean): NameParts {
  const words = fullName
    .replace(/\s*,\s*/g, ", ")
    .trim()
    .split(" ");
  const honorific = stripHonorifics(words);
  const numeral = stripHighNumeral(words);
  const parsed = parseFullName(mask(words, isOneCase).join(" "), "all", 0);
  const part = (text: string): string => text.replaceAll(MASK, "").replace(/^[\s,]+|[\s,]+$/g, "");
  const suffix = [part(parsed.suffix), numeral].filter((text) => text !== "").join(" ");
  const parts = {
    honorific,
    first: part(parsed.first),
    middle: part(parsed.middle),
    last: part(parsed.last),
    suffix,
    nickname: part(parsed.nick),
  };
  return parts.first === "" && !parts.last.includes(" ") && honorific === ""
    ? { ...parts, first: parts.last, last: "" }
    : parts;
}

/** Takes a suffix off the end of a family name: `King Jr.` → `King` and `Jr.`. */
export function splitSuffix(lastName: string): readonly [last: string, suffix: string] {
  const match = /^(.*?\S)(?:,\s*|\s+)(\S+)$/u.exec(lastName);
  const [, last, suffix] = match ?? [];
  // "Do" and "V" are family names of their own; with a comma before them they are not.
  if (!last || !suffix || !isSuffix(suffix)) return [lastName, ""];
  if (/^(?:do|v|vi)$/i.test(suffix) && !lastName.includes(",")) return [lastName, ""];
  return [last, suffix];
}
