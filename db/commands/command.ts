import type { OpenDatabase } from "./open-database.ts";

/** What a command is given. */
export interface CommandContext {
  readonly database: OpenDatabase;
  /** What stands after the verb. */
  readonly args: readonly string[];
  print(line: string): void;
}

/** One verb of npm run db:<verb>. */
export interface Command {
  readonly sentence: string;
  /** Does it and returns the exit code. */
  run(context: CommandContext): Promise<number>;
}
