import { Metadata, getCountries, getCountryCallingCode, type CountryCode } from "libphonenumber-js/max";

/** What the numbering plan of the +1 countries says about one ten-digit number. */
export interface NanpLine {
  readonly country: CountryCode;
  /** A libphonenumber type such as `FIXED_LINE_OR_MOBILE`. */
  readonly type: string;
}

// libphonenumber-js has these methods and its own code lives on them, but its type declarations leave them out.
interface NumberType {
  pattern(): string | undefined;
}
interface PlanReader {
  selectNumberingPlan(country: CountryCode): void;
  nationalNumberPattern(): string;
  leadingDigits(): string | undefined;
  type(name: string): NumberType | undefined;
}

interface Plan {
  readonly country: CountryCode;
  readonly leading: RegExp | null;
  readonly general: RegExp;
  readonly fixed: RegExp | null;
  readonly mobile: RegExp | "same as fixed" | null;
  readonly others: readonly (readonly [type: string, pattern: RegExp])[];
}

const OTHER_TYPES = [
  "PREMIUM_RATE",
  "TOLL_FREE",
  "SHARED_COST",
  "VOIP",
  "PERSONAL_NUMBER",
  "PAGER",
  "UAN",
  "VOICEMAIL",
];

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);

function readPlan(reader: PlanReader, country: CountryCode): Plan {
  reader.selectNumberingPlan(country);
  const pattern = (name: string): RegExp | null => {
    const source = reader.type(name)?.pattern();
    return source ? whole(source) : null;
  };
  const leading = reader.leadingDigits();
  const mobile = reader.type("MOBILE");
  return {
    country,
    leading: leading ? new RegExp(`^(?:${leading})`) : null,
    general: whole(reader.nationalNumberPattern()),
    fixed: pattern("FIXED_LINE"),
    // An absent or empty mobile pattern was removed from the metadata because it equals the fixed-line one.
    mobile: mobile && mobile.pattern() !== "" ? pattern("MOBILE") : "same as fixed",
    others: OTHER_TYPES.flatMap((type) => {
      const regex = pattern(type);
      return regex ? [[type, regex] as const] : [];
    }),
  };
}

/** The +1 countries, the main one first, as libphonenumber tries them. */
const PLANS: readonly Plan[] = (() => {
  const reader = new Metadata() as unknown as PlanReader;
  const sharing = getCountries().filter((country) => getCountryCallingCode(country) === "1");
  const inOrder: CountryCode[] = ["US", ...sharing.filter((country) => country !== "US").sort()];
  return inOrder.map((country) => readPlan(reader, country));
})();

const NANP_COUNTRIES: ReadonlySet<string> = new Set(PLANS.map((plan) => plan.country));

function typeIn(plan: Plan, national: string): string | null {
  if (!plan.general.test(national)) return null;
  if (plan.fixed?.test(national)) {
    const both = plan.mobile === "same as fixed" || plan.mobile?.test(national);
    return both ? "FIXED_LINE_OR_MOBILE" : "FIXED_LINE";
  }
  if (plan.mobile instanceof RegExp && plan.mobile.test(national)) return "MOBILE";
  for (const [type, pattern] of plan.others) if (pattern.test(national)) return type;
  return null;
}

/** Country and type of a ten-digit national number of calling code 1, or null when the plan has no such number. */
export function nanpLine(national: string): NanpLine | null {
  for (const plan of PLANS) {
    if (plan.leading) {
      // Leading digits settle the country; the number may still be invalid there.
      if (!plan.leading.test(national)) continue;
      const type = typeIn(plan, national);
      return type ? { country: plan.country, type } : null;
    }
    const type = typeIn(plan, national);
    if (type) return { country: plan.country, type };
  }
  return null;
}

/** Whether a country's numbers have the calling code 1. */
export function isNanpCountry(country: string): boolean {
  return NANP_COUNTRIES.has(country);
}

/**
 * The ten national digits of a number plainly written in a North American form (`(202) 224-3441`, `+1.202.224.3441`), or
 * null for every other text, which then needs the full parser.
 */
export function plainNanpDigits(raw: string, defaultCountry: string): string | null {
  if (raw.length < 10 || raw.length > 24) return null;
  let digits = "";
  let plus = false;
  for (let index = 0; index < raw.length; index += 1) {
    const code = raw.charCodeAt(index);
    if (code >= 48 && code <= 57) digits += raw[index];
    else if (code === 43) {
      if (plus || digits !== "") return null;
      plus = true;
    } else if (code !== 32 && code !== 40 && code !== 41 && code !== 45 && code !== 46) return null;
  }
  if (digits.length === 11 && digits.charCodeAt(0) === 49) digits = digits.slice(1);
  else if (plus || digits.length !== 10) return null;
  if (digits.charCodeAt(0) < 50) return null;
  return plus || NANP_COUNTRIES.has(defaultCountry) ? digits : null;
}
