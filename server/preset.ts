import type { Pool } from "pg";
import { PgAggregatesPreset } from "@graphile/pg-aggregates";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { PostGraphileConnectionFilterPreset } from "postgraphile-plugin-connection-filter";
import type { Config } from "../lib/config.ts";
import type { Log } from "../lib/log.ts";
import type { DatabaseMeter } from "./limits/database-meter.ts";
import { createDocumentStore } from "./documents/document-store.ts";
import { roleTimeouts } from "./limits/role-timeouts.ts";
import { operationLimits } from "./limits/settings.ts";
import { createPgService } from "./pg-service.ts";
import { ApiKeyPlugin } from "./plugins/api-key-plugin.ts";
import { connectionSecretPlugin } from "./plugins/connection-secret-plugin.ts";
import { DescriptionsPlugin } from "./plugins/descriptions-plugin.ts";
import { DomainVerbsPreset } from "./plugins/domain-verbs-plugin.ts";
import { EnumDomainPlugin } from "./plugins/enum-domain-plugin.ts";
import { EstimatedCountPlugin } from "./plugins/estimated-count-plugin.ts";
import { exportPreset } from "./plugins/export-plugin.ts";
import { errorPreset } from "./plugins/error-plugin.ts";
import { groupingPlugin } from "./plugins/grouping-plugin.ts";
import { IndexedColumnsPlugin } from "./plugins/indexed-columns-plugin.ts";
import { livePlugin } from "./plugins/live-plugin.ts";
import { limitsPlugin } from "./plugins/limits-plugin.ts";
import { AccountPlugin } from "./plugins/account-plugin.ts";
import { eventsQueryPlugin } from "./plugins/events-query-plugin.ts";
import { EventsSubscriptionPlugin } from "./plugins/events-subscription-plugin.ts";
import { SignInPlugin } from "./plugins/sign-in-plugin.ts";
import { KeysetPlugin } from "./plugins/keyset-plugin.ts";
import { ManyToManyPreset } from "./plugins/many-to-many-plugin.ts";
import { NamingPreset } from "./plugins/naming-plugin.ts";
import { pageSizePlugin } from "./plugins/page-size-plugin.ts";
import { OperationPlugin } from "./plugins/operation-plugin.ts";
import { PlainSchemaPlugin } from "./plugins/plain-schema-plugin.ts";
import { ProgressPlugin } from "./plugins/progress-plugin.ts";
import { QuickBehaviorsPlugin } from "./plugins/quick-behaviors-plugin.ts";
import { RowIdPlugin } from "./plugins/row-id-plugin.ts";
import { RowVersionPlugin } from "./plugins/row-version-plugin.ts";
import { SoftDeletePlugin } from "./plugins/soft-delete-plugin.ts";
import { TenantKeyPlugin } from "./plugins/tenant-key-plugin.ts";
import { trustedDocumentsPlugin } from "./plugins/trusted-documents-plugin.ts";
import { TypeIdPlugin } from "./plugins/type-id-plugin.ts";
import { webhookSourcePlugin } from "./plugins/webhook-source-plugin.ts";
import { webhookSubscriptionPlugin } from "./plugins/webhook-subscription-plugin.ts";
import { writePlugin } from "./plugins/write-plugin.ts";

/** What the API is composed from. */
export interface PresetOptions {
  /** Connections of the login rowhouse_server. */
  readonly pool: Pool;
  readonly config: Config;
  /** Where errors that are our fault are written in full. */
  readonly log?: Log;
  /** Measures what tenants cost. */
  readonly meter?: DatabaseMeter;
}

/** Parts of the libraries that have no place in our API, each with the reason. */
const disabledPlugins = [
  // Our names are ASCII.
  "TransliterationPlugin",
  // The filter argument replaces it.
  "PgConditionArgumentPlugin",
  "PgConditionCustomFieldsPlugin",
  // Our own mutations replace them.
  "PgMutationCreatePlugin",
  "PgMutationUpdateDeletePlugin",
  "PgMutationPayloadEdgePlugin",
  // `list(id:)` comes from the primary key, and refuses an id of another kind.
  "NodeAccessorPlugin",
  // Query is no node, and has no way to itself.
  "QueryQueryPlugin",
  "RegisterQueryNodePlugin",
  // `id` is the key.
  "PgOrderByPrimaryKeyPlugin",
  "PgConnectionArgOrderByDefaultValuePlugin",
  // Ours, which groups by more, and by time where the tenant is.
  "PgAggregatesAddGroupByAggregateEnumValuesForAttributesPlugin",
  // No index serves them.
  "PgAggregatesOrderByAggregatesPlugin",
  "PgAggregatesFilterRelationalAggregatesPlugin",
  "PgConnectionArgFilterBackwardRelationsPlugin",
  "PgConnectionArgFilterForwardRelationsPlugin",
  "PgConnectionArgFilterComputedAttributesPlugin",
  "PgConnectionArgFilterRecordFunctionsPlugin",
];

/** Operators that are leakproof: under row-level security an index serves no other. */
const filterOperators = [
  "isNull",
  "equalTo",
  "notEqualTo",
  "in",
  "notIn",
  "lessThan",
  "lessThanOrEqualTo",
  "greaterThan",
  "greaterThanOrEqualTo",
];

/** Rows that one mutation takes at most. */
export const bulkRowsMax = 1000;

/** Groups of one aggregate at most. */
const groupsMax = 1000;

/** The composition of the GraphQL API. */
export function makePreset({ pool, config, log, meter }: PresetOptions): GraphileConfig.Preset {
  const limits = operationLimits(config);
  const introspection =
    config.introspection === undefined ? config.nodeEnv !== "production" : config.introspection === "on";
  const isDevelopment = config.nodeEnv === "development";
  return {
    extends: [
      PostGraphileAmberPreset,
      NamingPreset,
      PostGraphileConnectionFilterPreset,
      PgAggregatesPreset,
      ManyToManyPreset,
      DomainVerbsPreset,
      errorPreset(log, { suggestions: introspection }),
      exportPreset(config),
    ],
    plugins: [
      QuickBehaviorsPlugin,
      TenantKeyPlugin,
      TypeIdPlugin,
      RowIdPlugin,
      RowVersionPlugin,
      EnumDomainPlugin,
      IndexedColumnsPlugin,
      SoftDeletePlugin,
      KeysetPlugin,
      pageSizePlugin(limits.pages),
      EstimatedCountPlugin,
      groupingPlugin({ groupsMax }),
      writePlugin({ rowsMax: bulkRowsMax }),
      PlainSchemaPlugin,
      DescriptionsPlugin,
      livePlugin(config),
      limitsPlugin(limits, { introspection, bodyBytesMax: config.bodyBytesMax }),
      ...(config.trustedDocuments === "off"
        ? []
        : [
            trustedDocumentsPlugin({ store: createDocumentStore(pool), only: config.trustedDocuments === "only", log }),
          ]),
      SignInPlugin,
      connectionSecretPlugin(config),
      webhookSourcePlugin(config),
      webhookSubscriptionPlugin(config),
      AccountPlugin,
      ApiKeyPlugin,
      ProgressPlugin,
      EventsSubscriptionPlugin,
      eventsQueryPlugin(limits.pages),
      OperationPlugin,
    ],
    disablePlugins: disabledPlugins,
    pgServices: [
      createPgService(pool, {
        statementTimeouts: roleTimeouts(config),
        statementTimeoutMs: config.statementTimeoutMs,
        meter,
      }),
    ],
    schema: {
      defaultNodeIdCodec: "typeId",
      // An id that is none would be a line on the console.
      muteWarnings: true,
      // A filter over groups is computed over every row.
      defaultBehavior: "-resource:groupedAggregates:having",
      connectionFilterAllowedOperators: filterOperators,
    } as GraphileConfig.Preset["schema"],
    grafast: { explain: false },
    grafserv: {
      graphqlPath: "/graphql",
      graphiql: isDevelopment,
      graphiqlOnGraphQLGET: false,
      graphiqlPath: "/",
      watch: false,
      websockets: false,
      graphqlOverGET: false,
      // Nothing that a form of another site can send.
      allowedRequestContentTypes: ["application/json"],
      maxRequestLength: config.bodyBytesMax,
    },
  };
}
