import type { Config } from "../../lib/config.ts";
import type { TokenRole } from "../auth/session.ts";

/** How long a statement of each role may take, in milliseconds: never longer than any statement may. */
export function roleTimeouts({
  roleStatementTimeouts,
  statementTimeoutMs,
}: Pick<Config, "roleStatementTimeouts" | "statementTimeoutMs">): Partial<Record<TokenRole, number>> {
  return Object.fromEntries(
    Object.entries(roleStatementTimeouts).map(([role, ms]) => [
      role,
      statementTimeoutMs === 0 ? ms : Math.min(ms, statementTimeoutMs),
    ]),
  );
}
