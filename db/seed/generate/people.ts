import type { Random } from "./random.ts";

/** Somebody who does not exist. The address is unique within a tenant, the phone number nearly so. */
export interface Person {
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  /** E.164. */
  readonly phone: string;
  readonly company: string;
  readonly street: string;
  readonly city: string;
  readonly state: string;
  readonly zip: string;
}

const areas = ["206", "617", "512", "303", "312", "415", "702", "213", "919", "404"] as const;
const places = [
  ["Seattle", "WA", "98174"],
  ["Boston", "MA", "02116"],
  ["Austin", "TX", "78701"],
  ["Denver", "CO", "80202"],
  ["Chicago", "IL", "60601"],
  ["Atlanta", "GA", "30303"],
] as const;

/** Rows made of `count` people, one after the other, so that a million of them never stand in memory at once. */
export function* people<T>(random: Random, count: number, row: (person: Person, index: number) => T): Generator<T> {
  const companies = Array.from({ length: Math.max(1, Math.min(2000, count)) }, () => random.faker.company.name());
  for (let i = 0; i < count; i++) yield row(person(random, i, random.one(companies)), i);
}

function person(random: Random, index: number, company: string): Person {
  const { faker } = random;
  const firstName = faker.person.firstName();
  const lastName = faker.person.lastName();
  const [city, state, zip] = random.one(places);
  const domain = `${company
    .toLowerCase()
    .replaceAll(/[^a-z]+/g, "-")
    .replaceAll(/^-|-$/g, "")}.example`;
  return {
    firstName,
    lastName,
    email: `${firstName}.${lastName}.${index}@${domain}`.toLowerCase().replaceAll(/[^a-z0-9.@-]/g, ""),
    phone: `+1${random.one(areas)}${2_000_000 + random.below(7_999_999)}`,
    company,
    street: `${1 + random.below(9000)} ${lastName} Street`,
    city,
    state,
    zip,
  };
}
