import { en_US, Faker, en, base } from "@faker-js/faker";

/** Everything random of one tenant, from its seed: the same seed gives the same people, ids and times. */
export interface Random {
  readonly faker: Faker;
  /** A whole number below n. */
  below(n: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  one<T>(values: readonly T[]): T;
  /** A moment between two others. */
  between(from: Date, to: Date): Date;
  /** A version 7 uuid of that moment. */
  id(at: Date): string;
}

/** Random things from a seed. */
export function createRandom(seed: number): Random {
  const faker = new Faker({ locale: [en_US, en, base], seed });
  const next = generator(seed);
  const below = (n: number) => Math.floor(next() * n);
  const hex = (digits: number) =>
    Math.floor(next() * 16 ** digits)
      .toString(16)
      .padStart(digits, "0");
  return {
    faker,
    below,
    chance: (probability) => next() < probability,
    one: (values) => values[below(values.length)]!,
    between: (from, to) => new Date(from.getTime() + Math.floor(next() * (to.getTime() - from.getTime()))),
    id: (at) => {
      const time = at.getTime().toString(16).padStart(12, "0");
      const variant = (8 + below(4)).toString(16);
      return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${variant}${hex(3)}-${hex(6)}${hex(6)}`;
    },
  };
}

/** Numbers from 0 to 1 (mulberry32): quicker than faker's own, and there are many ids. */
function generator(seed: number): () => number {
  let state = (seed * 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
