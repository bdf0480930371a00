import { jest } from "@jest/globals";
import pg from "pg";

/** The texts of the statements that every connection of this process sends while `work` runs. */
export async function sentStatements(work: () => Promise<unknown>): Promise<string[]> {
  const texts: string[] = [];
  const { query } = pg.Client.prototype;
  const spy = jest.spyOn(pg.Client.prototype, "query").mockImplementation(function (
    this: pg.Client,
    ...args: unknown[]
  ) {
    const [first] = args as [string | { text?: string }];
    const text = typeof first === "string" ? first : first?.text;
    if (text !== undefined) texts.push(text);
    return query.apply(this, args as never);
  } as never);
  try {
    await work();
  } finally {
    spy.mockRestore();
  }
  return texts;
}
