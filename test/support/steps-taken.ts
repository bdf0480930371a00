import type { PoolClient } from "pg";

/** Which states follow each state. */
export type Steps = Readonly<Record<string, readonly string[]>>;

/**
 * Tries every step from every state, each on a row of its own that was taken there by the steps that ought to be
 * possible, and tells those that were taken. A refusal other than INVALID_STATE is an error.
 */
export async function stepsTaken(
  client: PoolClient,
  table: string,
  expected: Steps,
  newRow: () => Promise<{ id: string }>,
): Promise<Steps> {
  const states = Object.keys(expected);
  const move = (id: string, to: string) =>
    client.query(`update ${table} set status = $2 where id = $1 and status <> $2`, [id, to]);
  const taken: Record<string, string[]> = {};
  for (const from of states) {
    await client.query("savepoint way");
    const { id } = await newRow();
    for (const state of wayTo(expected, from)) await move(id, state);
    taken[from] = [];
    for (const to of states.filter((state) => state !== from)) {
      await client.query("savepoint step");
      await move(id, to).then(
        ({ rowCount }) => rowCount === 1 && taken[from]!.push(to),
        (error: { code: string }) => {
          if (error.code !== "RH006") throw error;
        },
      );
      await client.query("rollback to savepoint step");
    }
    await client.query("rollback to savepoint way");
  }
  return taken;
}

/** The states between the first one, which is the first named, and another, by the shortest way. */
function wayTo(steps: Steps, target: string): readonly string[] {
  const first = Object.keys(steps)[0]!;
  const ways = new Map<string, readonly string[]>([[first, []]]);
  for (const [state, way] of ways) {
    for (const next of steps[state]!) if (!ways.has(next)) ways.set(next, [...way, next]);
  }
  return ways.get(target)!;
}
