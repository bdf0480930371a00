import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A lock that this process holds; the operating system releases it when the process ends, however it ends. */
export interface FolderLock {
  release(): void;
}

const sqliteBusy = 5;

/**
 * Takes the lock that `file` stands for, or returns undefined when another process holds it. Node has no file locks of
 * its own; SQLite's exclusive transaction is one, on every platform, and nothing is left to clean up after a kill.
 */
export function takeFolderLock(file: string): FolderLock | undefined {
  mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file);
  try {
    database.exec("pragma busy_timeout = 0; begin exclusive");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}
