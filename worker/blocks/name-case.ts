import NameCaseModule from "@foundernest/namecase";

// Post-nominals and Roman numerals would turn the given names Ed, Di and Vi into ED, DI and VI; suffixes are handled apart.
const OPTIONS = { lazy: false, postnominal: false, roman: false, spanish: false } as const;

// The declarations describe an ES module; what Node loads is a CommonJS one, whose default export lies below `default`.
const { default: Environment } = NameCaseModule as unknown as {
  default: new (options: object) => { nameCase(name: string): string };
};
const familyCase = new Environment({ ...OPTIONS, hebrew: true });
const givenCase = new Environment({ ...OPTIONS, hebrew: false });

const SUFFIXES: Readonly<Record<string, string>> = {
  jr: "Jr.",
  jnr: "Jr.",
  sr: "Sr.",
  snr: "Sr.",
  ii: "II",
  iii: "III",
  iv: "IV",
  v: "V",
  vi: "VI",
  esq: "Esq.",
  esquire: "Esq.",
  md: "MD",
  do: "DO",
  dds: "DDS",
  phd: "PhD",
  jd: "JD",
  rn: "RN",
  cpa: "CPA",
  mba: "MBA",
};

/** Remembers at most this many words; common names repeat, and a list of new ones starts afresh. */
const REMEMBERED = 50_000;
const given = new Map<string, string>();
const family = new Map<string, string>();

function remember(cache: Map<string, string>, key: string, make: (key: string) => string): string {
  let value = cache.get(key);
  if (value === undefined) {
    value = make(key);
    if (cache.size >= REMEMBERED) cache.clear();
    cache.set(key, value);
  }
  return value;
}

/** Whether a text has letters with case, all of one case: whoever typed it did not choose the capitals. */
export function isOneCase(text: string): boolean {
  const upper = text.toUpperCase();
  const lower = text.toLowerCase();
  return upper !== lower && (text === upper || text === lower);
}

/** The library knows only the straight apostrophe; a typographic one is put back afterwards. */
function withApostrophes(text: string, make: (plain: string) => string): string {
  return text.includes("’") ? make(text.replaceAll("’", "'")).replaceAll("'", "’") : make(text);
}

/** Capitals of one part of a suffix, such as `JR` or `phd`. */
export function caseSuffix(text: string): string {
  return text
    .split(" ")
    .map((word) => {
      const comma = word.endsWith(",") ? "," : "";
      const key = word.toLowerCase().replace(/[.,]/g, "");
      return Object.hasOwn(SUFFIXES, key) ? `${SUFFIXES[key] ?? ""}${comma}` : word.toUpperCase();
    })
    .join(" ");
}

const ABBREVIATED = new Set([
  "mr",
  "mrs",
  "ms",
  "dr",
  "prof",
  "rev",
  "hon",
  "sen",
  "rep",
  "gov",
  "capt",
  "col",
  "gen",
  "lt",
]);

/** Capitals of an honorific: `DR` → `Dr.`, `SENATOR` → `Senator`. */
export function caseHonorific(text: string): string {
  return text
    .split(" ")
    .map((word) => {
      const bare = word.toLowerCase().replace(/\.$/, "");
      return `${bare.charAt(0).toUpperCase()}${bare.slice(1)}${ABBREVIATED.has(bare) ? "." : ""}`;
    })
    .join(" ");
}

/** Whether a word is a suffix that stands after a family name, such as `Jr.` or `III`. */
export function isSuffix(word: string): boolean {
  return Object.hasOwn(SUFFIXES, word.toLowerCase().replace(/[.,]/g, ""));
}

/** Capitals of a given or middle name written in one case: `MARY-JO` → `Mary-Jo`, `JD` → `JD`. */
export function caseGivenName(text: string): string {
  return remember(given, text, (key) => key.split(" ").map(caseGivenWord).join(" "));
}

// Word by word: a particle such as "van" in a family name is a name of its own here (Van, Della, Ben).
function caseGivenWord(word: string): string {
  if (/^\p{L}\.?$/u.test(word) || /^(?:\p{L}\.){2,}$/u.test(word)) return word.toUpperCase();
  // Two letters without a vowel are initials.
  if (/^(?:[b-df-hj-np-tv-xz]{2}|[aeot]j)$/i.test(word)) return word.toUpperCase();
  const cased = withApostrophes(word, (plain) => givenCase.nameCase(plain));
  return cased.charAt(0).toUpperCase() + cased.slice(1);
}

/** Capitals of a family name written in one case: `MCCONNELL` → `McConnell`, `DE LA CRUZ` → `de la Cruz`. */
export function caseFamilyName(text: string): string {
  return remember(family, text, (key) => {
    const cased = withApostrophes(key, (plain) => familyCase.nameCase(plain));
    // A particle that is the whole name (Le, Do, Van) is a name like any other, and Americans write Van Hollen.
    const isCapital = !key.includes(" ") || cased.startsWith("van ");
    return isCapital ? cased.charAt(0).toUpperCase() + cased.slice(1) : cased;
  });
}
