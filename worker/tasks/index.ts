/** Every task, one line each; the file name is the identifier, with dashes for underscores. */
export const tasks = [] as const;

/** The identifiers of all tasks. */
export type TaskName = (typeof tasks)[number]["name"];
