/** Waits for a turn; the function it resolves to gives it back. */
export type TakeTurn = () => Promise<() => void>;

/** Lets a number of tasks run at once; the others wait in line. */
export function createTurns(most: number): TakeTurn {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async () => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    let isGivenBack = false;
    return () => {
      if (isGivenBack) return;
      isGivenBack = true;
      const next = waiting.shift();
      if (next) next();
      else running--;
    };
  };
}
