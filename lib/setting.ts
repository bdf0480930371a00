import { z } from "zod";

/** One setting: the environment variable it is read from, its type and default, and what it does. */
export interface Variable {
  readonly env: string;
  readonly type: z.ZodType;
  /** The text used when the variable is unset; undefined when there is none. */
  readonly default: string | undefined;
  readonly sentence: string;
  /** Never printed. */
  readonly secret: boolean;
}

/** Any text. */
export const text = z.string();
/** A whole number between two. */
export const int = (min: number, max: number) =>
  z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);
/** A setting that may be printed. */
export function variable<T extends z.ZodType>(env: string, type: T, preset: string | undefined, sentence: string) {
  return { env, type, default: preset, sentence, secret: false } as const satisfies Variable;
}

/** A setting that is never printed. */
export function secret<T extends z.ZodType>(env: string, type: T, sentence: string) {
  return { env, type, default: undefined, sentence, secret: true } as const satisfies Variable;
}
