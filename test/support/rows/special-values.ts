/** A value for a column, given the ids of the rows made so far by qualified table name. */
export type SpecialValue = (ids: ReadonlyMap<string, string>) => unknown;

/** Values of columns (`schema.table.column`) whose checks ask for more than their type tells; for optional columns too. */
export type SpecialValues = Readonly<Record<string, SpecialValue>>;
