/** The predicate of a partial index that asks whether one column is null. */
export interface IndexPredicate {
  readonly column: string;
  readonly isNull: boolean;
}

/** PostgreSQL keeps predicates as a parsed tree. */
const nullTest = /^\{NULLTEST .*:varattno (\d+) .*:nulltesttype ([01]) /s;

/** The predicate of an index; undefined for a whole index, and for any other predicate. */
export function indexPredicate(pgClass: any, index: any): IndexPredicate | undefined {
  const [, number, kind] = nullTest.exec(index.indpred ?? "") ?? [];
  const column = pgClass.getAttributes().find((each: any) => String(each.attnum) === number)?.attname;
  return column === undefined ? undefined : { column, isNull: kind === "0" };
}

/** Whether an index holds the living rows only: `where deleted_at is null`. */
export function isOfLiving(pgClass: any, index: any): boolean {
  const predicate = indexPredicate(pgClass, index);
  return predicate?.column === "deleted_at" && predicate.isNull;
}
