import type { PoolClient } from "pg";
import { insertInto } from "./insert-into.ts";
import { refusal } from "./refusal.ts";

/** What merges two rows of a table. */
export const MERGE = {
  contacts: "select * from crm.merge_contacts($1, $2, $3)",
  companies: "select * from crm.merge_companies($1, $2, $3)",
} as const;

/** What takes a merge back. */
export const UNDO = "select * from crm.undo_merge($1)";

/** A merge as tests look at it. */
export interface Merge {
  readonly id: string;
  readonly moved_count: number;
  readonly dropped_count: number;
  readonly fields: object;
}

/** Runs a statement as a manager, who may merge, and goes on as the system; its first row. */
export async function asManager<T = Merge>(client: PoolClient, sql: string, values: unknown[]): Promise<T> {
  await client.query("set local role rowhouse_manager");
  const { rows } = await client.query(sql, values);
  await client.query("set local role rowhouse_system");
  return rows[0] as T;
}

/** The error of a statement that a manager is refused; the transaction goes on as the system. */
export async function managerRefusal(client: PoolClient, sql: string, values: unknown[]): Promise<unknown> {
  await client.query("set local role rowhouse_manager");
  const error = await refusal(client, sql, values);
  await client.query("set local role rowhouse_system");
  return error;
}

/** Merges two contacts or companies. */
export function merge(
  client: PoolClient,
  table: keyof typeof MERGE,
  winner: string,
  loser: string,
  survivorship: object = {},
): Promise<Merge> {
  return asManager(client, MERGE[table], [winner, loser, survivorship]);
}

/** Inserts a contact; its id. */
export async function contact(client: PoolClient, row: object = {}): Promise<string> {
  return (await insertInto(client, "crm.contacts", { first_name: "Ann", ...row })).id;
}

/** Inserts a company; its id. */
export async function company(client: PoolClient, row: object = {}): Promise<string> {
  return (await insertInto(client, "crm.companies", { name: "Acme", ...row })).id;
}

/** Inserts a way to reach a contact; its id. */
export async function identifier(
  client: PoolClient,
  contactId: string,
  channel: string,
  to: string,
  isPrimary = true,
): Promise<string> {
  const row = { contact_id: contactId, channel, identifier: to, is_primary: isPrimary };
  return (await insertInto(client, "crm.channel_identifiers", row)).id;
}

/** A row by its id. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export async function row(client: PoolClient, table: string, id: string): Promise<any> {
  return (await client.query(`select * from ${table} where id = $1`, [id])).rows[0];
}
