import { expect, it } from "@jest/globals";
import { createTurns } from "../../../server/live/turns.ts";

it("no more tasks than may run at once do, and those that wait come in their order", async () => {
  const turn = createTurns(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const tasks = [0, 1, 2, 3, 4].map(async (n) => {
    const giveBack = await turn();
    begun.push(n);
    await new Promise<void>((resolve) => (ends[n] = resolve));
    giveBack();
    // Giving it back twice makes no room for another.
    giveBack();
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  await settle();
  expect(begun).toEqual([0, 1]);
  ends[1]!();
  await settle();
  expect(begun).toEqual([0, 1, 2]);
  ends[0]!();
  ends[2]!();
  await settle();
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  ends[3]!();
  ends[4]!();
  await Promise.all(tasks);
  expect(await turn()).toBeInstanceOf(Function);
});
