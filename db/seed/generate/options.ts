import { parseArgs } from "node:util";
import { SetupError } from "../../../lib/errors.ts";

/** What is generated. The same options give the same rows. */
export interface SeedOptions {
  /** Contacts in all; everything else grows with them. */
  readonly contacts: number;
  readonly tenants: number;
  /** Least share of the contacts that the first tenant has, from 0 to 1; the others get ever fewer. */
  readonly largest: number;
  readonly seed: number;
  /** Slugs of the tenants are `<prefix>-1`, `<prefix>-2`, … */
  readonly prefix: string;
  /** The last moment at which something happened. */
  readonly until: Date;
}

/** What `--help` prints. */
export const SEED_USAGE = `npm run seed -- [options]

Fills the database with tenants whose data touches every table. The same options give the same rows.

  --contacts <n>     contacts in all (default 10000)
  --tenants <n>      tenants (default 10)
  --largest <share>  least share of the contacts of the first tenant, 0 to 1 (default 0.25)
  --seed <n>         another number, other rows (default 1)
  --prefix <name>    slugs of the tenants are <name>-1, <name>-2, … (default seed)
  --until <date>     the last moment at which something happened (default 2026-11-01)
`;

/** Reads the command line; null when it asks for help. Anything that is not an option is a {@link SetupError}. */
export function readSeedOptions(args: readonly string[]): SeedOptions | null {
  const values = parse(args);
  if (values.help) return null;
  const until = new Date(values.until);
  if (Number.isNaN(until.getTime())) refuse("until", values.until, "a date such as 2026-11-01");
  if (!/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/.test(values.prefix)) {
    refuse("prefix", values.prefix, "lower-case letters, digits and hyphens");
  }
  const options = {
    contacts: whole("contacts", values.contacts, 1, 100_000_000),
    tenants: whole("tenants", values.tenants, 1, 100_000),
    largest: Number(values.largest),
    seed: whole("seed", values.seed, 0, 2 ** 31),
    prefix: values.prefix,
    until,
  };
  if (!(options.largest >= 0 && options.largest <= 1)) refuse("largest", values.largest, "a share from 0 to 1");
  if (options.contacts < options.tenants) {
    refuse("contacts", values.contacts, `at least one for each of the ${options.tenants} tenants`);
  }
  return options;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        contacts: { type: "string", default: "10000" },
        tenants: { type: "string", default: "10" },
        largest: { type: "string", default: "0.25" },
        seed: { type: "string", default: "1" },
        prefix: { type: "string", default: "seed" },
        until: { type: "string", default: "2026-11-01" },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n\n${SEED_USAGE}`);
  }
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    refuse(name, text, `a whole number from ${min} to ${max}`);
  return value;
}

function refuse(name: string, text: string, wanted: string): never {
  throw new SetupError(`--${name} is ${JSON.stringify(text)}; it must be ${wanted}.`);
}

/** How many contacts each tenant has: the second half of the first, the third a third of it, and so on; at least one each. */
export function contactsPerTenant({ contacts, tenants, largest }: SeedOptions): number[] {
  const weights = Array.from({ length: tenants }, (_, i) => 1 / (i + 1));
  const others = weights.slice(1).reduce((sum, weight) => sum + weight, 0);
  const share = tenants === 1 ? 1 : Math.max(largest, 1 / (1 + others));
  const spare = contacts - tenants;
  const sizes = weights.map(
    (weight, i) => 1 + Math.floor(i === 0 ? spare * share : (spare * (1 - share) * weight) / others),
  );
  sizes[0]! += contacts - sizes.reduce((sum, size) => sum + size, 0);
  return sizes;
}
