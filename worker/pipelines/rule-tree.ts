import { z } from "zod";

const operators = [
  ...["equals", "not_equals", "contains", "not_contains", "starts_with", "ends_with", "in", "not_in"],
  ...["greater_than", "greater_or_equal", "less_than", "less_or_equal", "between"],
  ...["within_last_days", "not_within_last_days", "is_set", "is_not_set"],
] as const;

const scalar = z.union([z.string().max(10_000), z.number(), z.boolean()]);

const condition = z.strictObject({
  field: z.string().min(1).max(200),
  operator: z
    .string()
    .transform((operator) => operator.toLowerCase())
    .refine(
      (operator) => (operators as readonly string[]).includes(operator),
      `must be one of ${operators.join(", ")}`,
    ),
  value: z.union([scalar, z.array(scalar).min(1).max(1000)]).optional(),
});

/** A rule over a record: a condition, or rules of which all, any or none must hold. */
export type RuleTree =
  | z.output<typeof condition>
  | { readonly all: readonly RuleTree[] }
  | { readonly any: readonly RuleTree[] }
  | { readonly not: RuleTree };

const rule: z.ZodType<RuleTree> = z.lazy(() =>
  z.union([
    condition,
    z.strictObject({ all: z.array(rule).min(1).max(100) }),
    z.strictObject({ any: z.array(rule).min(1).max(100) }),
    z.strictObject({ not: rule }),
  ]),
);

const levelsMax = 8;

/** The rules that automations have as conditions, checked for their form: the fields are whatever the records have. */
export const ruleTree: z.ZodType<RuleTree> = z
  .unknown()
  // Before the form is walked: it walks as deep as the rule does.
  .refine((value) => depthOf(value, 0) <= levelsMax, `is nested deeper than ${levelsMax} levels`)
  .pipe(rule);

function depthOf(value: unknown, depth: number): number {
  if (typeof value !== "object" || value === null || depth > levelsMax) return depth;
  const { all, any, not } = value as Record<string, unknown>;
  const parts = [...(Array.isArray(all) ? all : []), ...(Array.isArray(any) ? any : []), ...(not ? [not] : [])];
  return Math.max(depth, ...parts.map((part) => depthOf(part, depth + 1)));
}
