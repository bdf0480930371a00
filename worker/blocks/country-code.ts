import { getCountries } from "libphonenumber-js/max";

const codes: ReadonlyMap<string, string> = (() => {
  const names = new Intl.DisplayNames("en", { type: "region" });
  const byName = new Map<string, string>();
  for (const code of getCountries()) {
    byName.set(code, code);
    const name = names.of(code);
    if (name !== undefined) byName.set(fold(name), code);
  }
  const aliases = {
    USA: "US",
    "UNITED STATES OF AMERICA": "US",
    AMERICA: "US",
    UK: "GB",
    "GREAT BRITAIN": "GB",
    ENGLAND: "GB",
  };
  for (const [alias, code] of Object.entries(aliases)) byName.set(alias, code);
  return byName;
})();

function fold(name: string): string {
  return name.toUpperCase().replace(/\./g, "").replace(/^THE /, "");
}

/** ISO 3166 alpha-2 code of a country given by code or English name, or null when it is empty or unknown. */
export function countryCode(text: string): string | null {
  if (text === "" || text.length > 60) return null;
  return codes.get(text) ?? codes.get(fold(text)) ?? null;
}
