import type { z } from "zod";

/** The typed columns of a list entry that blocks read and write, named as in TypeScript; absent is the same as null. */
export interface EntryFields {
  fullName?: string | null;
  honorific?: string | null;
  firstName?: string | null;
  middleName?: string | null;
  lastName?: string | null;
  nameSuffix?: string | null;
  nickname?: string | null;
  nameStatus?: CheckStatus | null;
  companyName?: string | null;
  email?: string | null;
  emailDomain?: string | null;
  emailStatus?: CheckStatus | "risky" | null;
  isEmailDisposable?: boolean | null;
  isEmailFree?: boolean | null;
  isEmailRole?: boolean | null;
  phone?: string | null;
  phoneE164?: string | null;
  phoneStatus?: CheckStatus | null;
  phoneType?: string | null;
  phoneCountry?: string | null;
  phoneLocation?: string | null;
  phoneTimeZone?: string | null;
  addressLine1?: string | null;
  addressLine2?: string | null;
  city?: string | null;
  state?: string | null;
  county?: string | null;
  postalCode?: string | null;
  country?: string | null;
  timeZone?: string | null;
  addressStatus?: CheckStatus | "partial" | null;
}

/** What a check says about a value; `unknown` until one has run. */
export type CheckStatus = "unknown" | "valid" | "invalid";

/** A field of an entry. */
export type EntryField = keyof EntryFields;

/** Where a written value comes from. */
export interface Origin {
  /** The package (or `rowhouse` for a rule of ours) that the value was taken from. */
  readonly source: string;
  /** That package's version. */
  readonly version: string;
  /** How sure the value is, 0 to 1; absent where the source leaves no doubt. */
  readonly confidence?: number;
}

/** How a step ended for one entry. */
export type BlockStatus =
  /** There is something new in `fields`. */
  | "found"
  /** The input is good, and the entry already says all that could be learnt. */
  | "unchanged"
  /** The input is well-formed, but the data knows nothing of it. */
  | "not_found"
  /** The input is wrong; `reason` says how. */
  | "invalid"
  /** There was nothing to look at; `reason` says why. */
  | "skipped";

/** What one block learnt about one entry. */
export interface BlockResult {
  readonly status: BlockStatus;
  /** The fields whose values change, whatever the status; null clears a value that no longer holds. */
  readonly fields: EntryFields;
  /** Everything learnt, as JSON for the step's record; also what no column holds. */
  readonly found: Readonly<Record<string, unknown>>;
  /** The origin of each field in `fields`. */
  readonly provenance: Readonly<Partial<Record<EntryField, Origin>>>;
  readonly reason?: string;
}

/** A pure step of enrichment: no I/O after its data is loaded, no clock, and no exception for bad data. */
export interface Block<Config = unknown> {
  readonly name: string;
  /** One sentence for people who compose plans. */
  readonly description: string;
  /** Checks and completes a step's configuration; `{}` is always a valid one. */
  readonly config: z.ZodType<Config>;
  /** The only fields that `run` looks at. */
  readonly reads: readonly EntryField[];
  /** The only fields that `run` may write. */
  readonly writes: readonly EntryField[];
  run(entry: Readonly<EntryFields>, config: Config): BlockResult;
}

/** What a block claims for one field: the value and its origin. */
export type Claim<Field extends EntryField = EntryField> = readonly [Field, EntryFields[Field], Origin];

/** Builds a result from claims; those that the entry already agrees with are left out, and `found` becomes `unchanged`. */
export function blockResult(
  entry: Readonly<EntryFields>,
  status: BlockStatus,
  claims: readonly Claim[],
  found: Readonly<Record<string, unknown>> = {},
  reason?: string,
): BlockResult {
  const fields: Record<string, unknown> = {};
  const provenance: Partial<Record<EntryField, Origin>> = {};
  let changes = 0;
  for (const [field, value, origin] of claims) {
    const current = entry[field] ?? (value === "unknown" ? "unknown" : null);
    if (current === (value ?? null)) continue;
    fields[field] = value ?? null;
    provenance[field] = origin;
    changes += 1;
  }
  const result = {
    status: status === "found" && changes === 0 ? "unchanged" : status,
    fields,
    found,
    provenance,
  } as const;
  return reason === undefined ? result : { ...result, reason };
}
