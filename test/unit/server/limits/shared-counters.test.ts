import { beforeEach, describe, expect, it } from "@jest/globals";
import {
  createSharedCounters,
  slackOf,
  type Settlement,
  type SharedCounters,
  type Spending,
} from "../../../../server/limits/shared-counters.ts";

const minute = 60_000;
let clock: number;
/** What the database would hold: sums by subject and minute, holds by subject and process. */
let sums: Map<string, number>;
let holds: Map<string, Map<number, number>>;
let settlements: number;
let isDown: boolean;

beforeEach(() => {
  clock = 10 * minute;
  sums = new Map();
  holds = new Map();
  settlements = 0;
  isDown = false;
});

const at = (subject: string, index: number) => `${subject} ${index}`;

function createProcess(id: number): SharedCounters {
  return createSharedCounters({
    now: () => clock,
    async settle(spendings: readonly Spending[]): Promise<Settlement[]> {
      settlements++;
      if (isDown) throw new Error("The database is away.");
      const index = Math.floor(clock / minute);
      return spendings.map(({ subject, spent, held }) => {
        const key = at(subject, index);
        sums.set(key, (sums.get(key) ?? 0) + spent);
        const bySubject = holds.get(subject) ?? new Map<number, number>();
        if (held !== undefined) bySubject.set(id, held);
        holds.set(subject, bySubject);
        const heldElsewhere = [...bySubject].reduce((sum, [other, count]) => sum + (other === id ? 0 : count), 0);
        return {
          subject,
          minuteMs: clock - index * minute,
          previous: sums.get(at(subject, index - 1)) ?? 0,
          present: sums.get(key)!,
          heldElsewhere,
        };
      });
    },
  });
}

async function takeAll(process: SharedCounters, limit: number, tries: number): Promise<number> {
  let taken = 0;
  for (let i = 0; i < tries; i++) if ((await process.take("a", limit)) === undefined) taken++;
  return taken;
}

describe("a rate", () => {
  it("admits as many as the limit says, then says the limit, the count and when to come again", async () => {
    const one = createProcess(1);
    expect(await takeAll(one, 100, 150)).toBe(100);
    expect(await one.take("a", 100)).toMatchObject({ limit: 100, count: 100 });
    expect(await one.take("b", 100)).toBeUndefined();
  });

  it("is the same for all processes: in turn they admit what one would, and what one did not hear of yet", async () => {
    const [one, two] = [createProcess(1), createProcess(2)];
    let taken = 0;
    for (let i = 0; i < 150; i++) {
      taken += await takeAll(i % 2 === 0 ? one : two, 100, 1);
      await one.settle();
      await two.settle();
    }
    expect(taken).toBeGreaterThanOrEqual(100);
    expect(taken).toBeLessThanOrEqual(101);
  });

  it("is exceeded by no more than the slack of each process, however many ask at once between settlements", async () => {
    const processes = Array.from({ length: 4 }, (_, id) => createProcess(id));
    const asked = processes.flatMap((each) => Array.from({ length: 300 }, () => each.take("a", 200)));
    const taken = (await Promise.all(asked)).filter((exceeded) => exceeded === undefined).length;
    expect(taken).toBeGreaterThanOrEqual(200);
    expect(taken).toBeLessThanOrEqual(200 + 4 * slackOf(200));
  });

  it("waits for nobody below the slack", async () => {
    const one = createProcess(1);
    await takeAll(one, 1000, slackOf(1000) - 1);
    expect(settlements).toBe(0);
  });

  it("rolls: the last minute counts for the share of it that is within sixty seconds", async () => {
    const one = createProcess(1);
    await takeAll(one, 100, 100);
    const refused = await one.take("a", 100);
    // At the beginning of a minute the first place comes free just after the next one began.
    expect(refused!.retryAfterMs).toBeGreaterThan(minute);
    expect(refused!.retryAfterMs).toBeLessThan(minute + 1_000);
    clock += 90_000;
    expect(await takeAll(one, 100, 100)).toBe(50);
    clock += 120_000;
    expect(await takeAll(one, 100, 150)).toBe(100);
  });

  it("lets somebody in after the time that they were told to wait", async () => {
    const one = createProcess(1);
    await takeAll(one, 10, 10);
    clock += 61_000;
    await takeAll(one, 10, 10);
    const refused = await one.take("a", 10);
    clock += refused!.retryAfterMs + 1;
    expect(await one.take("a", 10)).toBeUndefined();
  });

  it("does not count what was refused: who goes on asking is not kept out for ever", async () => {
    const one = createProcess(1);
    await takeAll(one, 100, 5_000);
    await one.settle();
    expect([...sums.values()]).toEqual([100]);
  });

  it("goes on by what this process knows while the database is away, and forgets nothing of it", async () => {
    isDown = true;
    const one = createProcess(1);
    expect(await takeAll(one, 100, 150)).toBe(100);
    isDown = false;
    clock += 2 * minute;
    expect(await takeAll(one, 100, 150)).toBe(100);
  });
});

describe("what is under way", () => {
  it("is limited over all processes, and a place that is given back is free for any of them", async () => {
    const [one, two] = [createProcess(1), createProcess(2)];
    const first = await one.hold("a", 2);
    await one.settle();
    const second = await two.hold("a", 2);
    await two.settle();
    expect(await two.hold("a", 2)).toMatchObject({ limit: 2, count: 2 });
    (first as () => void)();
    await one.settle();
    clock += 1_000;
    expect(typeof (await two.hold("a", 2))).toBe("function");
    (second as () => void)();
  });

  it("is given back once, however often that is said", async () => {
    const one = createProcess(1);
    const end = (await one.hold("a", 1)) as () => void;
    end();
    end();
    expect(typeof (await one.hold("a", 1))).toBe("function");
    expect(await one.hold("a", 1)).toMatchObject({ count: 1 });
  });

  it("is exceeded by no more than the slack of each process", async () => {
    const processes = Array.from({ length: 4 }, (_, id) => createProcess(id));
    const asked = processes.flatMap((each) => Array.from({ length: 60 }, () => each.hold("a", 40)));
    const held = (await Promise.all(asked)).filter((each) => typeof each === "function").length;
    expect(held).toBeGreaterThanOrEqual(40);
    expect(held).toBeLessThanOrEqual(40 + 4 * slackOf(40));
  });
});

describe("what has happened anyway", () => {
  it("is added, and refuses what comes then, in every process", async () => {
    const [one, two] = [createProcess(1), createProcess(2)];
    one.charge("a", 5_000);
    expect(await one.check("a", 5_000)).toMatchObject({ count: 5_000 });
    await one.settle();
    two.charge("a", 1);
    await two.settle();
    expect(await two.check("a", 5_000)).toMatchObject({ count: 5_001 });
  });
});
