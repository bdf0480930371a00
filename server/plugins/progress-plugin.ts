import { parse } from "graphql";
import { context, lambda, listen, sideEffect } from "postgraphile/grafast";
import { TYPES } from "postgraphile/@dataplan/pg";
import { sql, type SQL } from "postgraphile/pg-sql2";
import { extendSchema } from "postgraphile/utils";
import { RowhouseError } from "../../lib/errors.ts";
import { decodeTypeId } from "../../lib/type-id.ts";
import { isWatched } from "../feed/watch-rows.ts";
import { currentRequest, currentSession } from "../http/request-scope.ts";
import type { Services } from "../services.ts";
import type { Wake } from "../subscriptions/change-hub.ts";
import { typeIdPrefix } from "./type-id-plugin.ts";

/** A subscription to one row, which is read again whenever it changes. */
interface ProgressField {
  readonly field: string;
  readonly argument: string;
  readonly table: string;
  readonly description: string;
  /** Whether nothing more will happen to the row, as SQL over its alias. */
  readonly isFinal: (row: SQL) => SQL;
  /** Whether the row is told of when it is deleted, too: it can be restored. */
  readonly showsDeleted?: boolean;
}

const progressFields: readonly ProgressField[] = [
  {
    field: "listImportProgress",
    argument: "importId",
    table: "list_imports",
    description: "An import: at once, then whenever it gets further, until it has ended.",
    isFinal: (row) => sql`${row}.status in ('completed', 'failed', 'cancelled', 'undone')`,
  },
  {
    field: "enrichmentProgress",
    argument: "planId",
    table: "enrichment_plans",
    description: "An enrichment plan: at once, then whenever a batch gets further, until its latest run has ended.",
    isFinal: (row) => sql`(${row}.run_count > 0 and not exists (
      select from lists.enrichment_queue_jobs j
      where j.tenant_id = ${row}.tenant_id and j.enrichment_plan_id = ${row}.id and j.status in ('queued', 'running')))`,
  },
  {
    field: "exportProgress",
    argument: "exportId",
    table: "export_jobs",
    description: "An export: at once, then whenever it gets further, until it has ended.",
    isFinal: (row) => sql`${row}.status in ('succeeded', 'failed', 'cancelled', 'expired')`,
  },
  {
    field: "threadUpdated",
    argument: "threadId",
    table: "inbox_threads",
    description: "A conversation: at once, then whenever it changes or has a new message; deleted, it has `deletedAt`.",
    isFinal: () => sql`false`,
    showsDeleted: true,
  },
  {
    field: "campaignProgress",
    argument: "campaignId",
    table: "campaigns",
    description: "A campaign: at once, then whenever it or its figures change; deleted, it has `deletedAt`.",
    isFinal: () => sql`false`,
    showsDeleted: true,
  },
  {
    field: "contactChanged",
    argument: "contactId",
    table: "contacts",
    description:
      "A contact: at once, then whenever it, or an identifier, address, attribute, consent, tag or position of it changes; deleted, it has `deletedAt`.",
    isFinal: () => sql`false`,
    showsDeleted: true,
  },
  {
    field: "jobChanged",
    argument: "jobId",
    table: "jobs",
    description: "A job: at once, then whenever it gets further, until it has ended.",
    isFinal: (row) => sql`${row}.status in ('succeeded', 'cancelled', 'dead')`,
  },
];

/** What a stream of wakes is opened for: the topic is made from the token's tenant, never from an argument. */
interface Wish {
  readonly table: string;
  readonly prefix: string;
  readonly id: string;
}

const hubOf = (services: Services) => ({
  subscribe({ table, prefix, id }: Wish) {
    const { tenantId, role } = currentSession();
    if (role === undefined) throw new RowhouseError("UNAUTHENTICATED", "Nobody is signed in. Log in first.");
    if (tenantId === undefined) {
      throw new RowhouseError("TENANT_REQUIRED", "This session has no tenant. Log in to a tenant to see its progress.");
    }
    const topic = { tenant: tenantId, table, id: decodeTypeId(prefix, id) };
    return (isWatched(table) ? services.rows : services.changes).subscribe(topic, currentRequest()?.whenIdle);
  },
});

function finishWhenFinal([wake, isFinal, id]: readonly [Wake, boolean | null, string]): void {
  if (isFinal !== false) wake.finish();
  if (isFinal === null) throw new RowhouseError("NOT_FOUND", `There is no ${id} in this tenant.`);
}

/** The subscriptions to single rows: `listImportProgress`, `contactChanged` and the like. */
export const ProgressPlugin: GraphileConfig.Plugin = extendSchema((build: any) => {
  const fields = progressFields.map((progress) => {
    const resource: any = Object.values<any>(build.pgResources).find(
      (each) => each.codec.extensions?.pg?.name === progress.table && !each.parameters,
    );
    const prefix = typeIdPrefix(resource.codec.attributes.id.codec);
    if (prefix === undefined) throw new Error(`${progress.table} has no TypeID, which ${progress.field} needs.`);
    return { ...progress, resource, prefix, type: build.inflection.tableType(resource.codec) as string };
  });

  return {
    typeDefs: fields.map(({ field, argument, type, description }) =>
      parse(`extend type Subscription { "${description}" ${field}(${argument}: ID!): ${type} }`),
    ),
    objects: {
      Subscription: {
        plans: Object.fromEntries(fields.map((progress) => [progress.field, plansOf(progress)])),
      },
    },
  } as any;
});

function plansOf({ argument, table, prefix, resource, isFinal, showsDeleted }: any) {
  return {
    subscribePlan(_: unknown, args: any) {
      const $services = context().get("services") as any;
      const $topic = lambda(args[`$${argument}`], (id: any) => ({ table, prefix, id }));
      return listen(lambda($services, hubOf as any) as any, $topic as any);
    },
    plan($wake: any, args: any) {
      // Made from the wake, so that the row is read anew each time.
      const $id = lambda([$wake, args[`$${argument}`]] as any, ([, id]: any) => id);
      const $rows = resource.find({ id: $id });
      if (showsDeleted) $rows.setTrusted();
      const $row = $rows.single();
      const $isFinal = $row.select(isFinal($row.getClassStep().alias), TYPES.boolean);
      sideEffect([$wake, $isFinal, $id] as any, finishWhenFinal as any);
      return $row;
    },
  };
}
