import { z } from "zod";
import { roleTimes } from "./config-types.ts";
import { int, variable } from "./setting.ts";

/** The settings that limit principals, addresses, tenants and roles. */
export const limitVariables = {
  introspection: variable(
    "ROWHOUSE_INTROSPECTION",
    z.enum(["on", "off"]).optional(),
    undefined,
    "Whether clients may ask for the schema. Unset: off in production, on elsewhere.",
  ),
  queryDirectivesMax: variable(
    "ROWHOUSE_QUERY_DIRECTIVES_MAX",
    int(0, 10_000),
    "50",
    "The most directives a GraphQL operation may have, after fragments are expanded.",
  ),
  requestsPerMinute: variable(
    "ROWHOUSE_REQUESTS_PER_MINUTE",
    int(0, 10_000_000),
    "1200",
    "The most requests and socket operations of one user or API key within a minute; 0 for no limit.",
  ),
  addressRequestsPerMinute: variable(
    "ROWHOUSE_ADDRESS_REQUESTS_PER_MINUTE",
    int(0, 10_000_000),
    "6000",
    "The most requests and socket operations from one address within a minute, a /64 network of IPv6 being one; 0 for no limit.",
  ),
  tenantOperationsMax: variable(
    "ROWHOUSE_TENANT_OPERATIONS_MAX",
    int(0, 1_000_000),
    "50",
    "The most queries and mutations of one tenant that may be under way at once; 0 for no limit.",
  ),
  tenantSubscriptionsMax: variable(
    "ROWHOUSE_TENANT_SUBSCRIPTIONS_MAX",
    int(0, 1_000_000),
    "1000",
    "The most subscriptions of one tenant that may be open at once; 0 for no limit.",
  ),
  tenantDatabaseSeconds: variable(
    "ROWHOUSE_TENANT_DATABASE_SECONDS",
    int(0, 1_000_000),
    "120",
    "How many seconds within a minute one tenant's requests may keep connections to the database busy, added up; 0 for no limit.",
  ),
  roleStatementTimeouts: variable(
    "ROWHOUSE_ROLE_STATEMENT_TIMEOUTS",
    roleTimes,
    "viewer:5000",
    "After how many milliseconds a statement of a role is cancelled, where that is sooner than ROWHOUSE_STATEMENT_TIMEOUT_MS.",
  ),
  trustedDocuments: variable(
    "ROWHOUSE_TRUSTED_DOCUMENTS",
    z.enum(["off", "allow", "only"]),
    "off",
    "Whether documents that were stored by npm run documents are run by their hash: not at all, beside others, or nothing else.",
  ),
  hookBytesMax: variable(
    "ROWHOUSE_HOOK_BYTES_MAX",
    int(1024, 104_857_600),
    "1048576",
    "The largest webhook that is taken in, in bytes.",
  ),
  hookCallsPerMinute: variable(
    "ROWHOUSE_HOOK_CALLS_PER_MINUTE",
    int(0, 10_000_000),
    "3000",
    "The most calls of one source of webhooks within a minute; 0 for no limit.",
  ),
  hookBytesPerMinute: variable(
    "ROWHOUSE_HOOK_BYTES_PER_MINUTE",
    int(0, 1_000_000_000_000),
    "67108864",
    "The most bytes that one source of webhooks may send within a minute; 0 for no limit.",
  ),
  liveThrottleMs: variable(
    "ROWHOUSE_LIVE_THROTTLE_MS",
    int(0, 3_600_000),
    "250",
    "The shortest time between two runs of a live query, in milliseconds; a query may ask for a longer one.",
  ),
} as const;
