/** Values of columns (`schema.table.column`) whose checks ask for more than their type tells; for optional columns too. */
export type SpecialValues = Readonly<Record<string, () => unknown>>;
