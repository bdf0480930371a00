import { TYPES } from "postgraphile/@dataplan/pg";
import { constant, Step, type ExecutionDetails } from "postgraphile/grafast";
import { RowhouseError } from "../../lib/errors.ts";

/** Which column of a row holds a value that its group has in common. */
interface GroupColumn {
  readonly index: number;
  readonly codec: unknown;
}

/** The groups that an aggregate query finds, ordered by what they have in common; too many are refused. */
export class GroupsStep extends Step {
  static override $$export = { moduleName: "rowhouse", exportName: "GroupsStep" };
  override isSyncAndSafe = false;
  readonly groupsMax: number;

  constructor($select: any, groupsMax: number) {
    super();
    this.groupsMax = groupsMax;
    $select.getGroupDetails();
    // One more than is allowed tells that there are too many.
    $select.setFirst(constant(groupsMax + 1));
    (this as any).addStrongDependency($select);
  }

  /** The query. */
  getClassStep(): any {
    return this.getDep(0);
  }

  listItem($item: Step): any {
    return this.getClassStep().listItem($item);
  }

  override execute({ indexMap, values: [results] }: ExecutionDetails): any {
    return indexMap((i) => {
      const result: any = results!.at(i);
      return result && sortedGroups(result.items, result.groupDetails?.indicies ?? [], this.groupsMax);
    });
  }
}

function sortedGroups(rows: readonly any[], columns: readonly GroupColumn[], groupsMax: number): readonly any[] {
  if (rows.length > groupsMax) {
    const message = `The rows fall into more than ${groupsMax} groups, which is the limit. Filter them, or group by something coarser.`;
    throw new RowhouseError("LIMIT_EXCEEDED", message, {
      field: "groupBy",
      details: { limit: groupsMax, count: rows.length, name: "groups" },
    });
  }
  return [...rows].sort((a, b) => {
    for (const { index, codec } of columns) {
      const order = compare(a[index], b[index], codec);
      if (order !== 0) return order;
    }
    return 0;
  });
}

/** Nothing comes last. */
function compare(a: string | null, b: string | null, codec: unknown): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  if (codec === TYPES.timestamptz) return Date.parse(a) - Date.parse(b);
  const difference = Number(a) - Number(b);
  if (!Number.isNaN(difference) && difference !== 0) return difference;
  return a < b ? -1 : 1;
}
