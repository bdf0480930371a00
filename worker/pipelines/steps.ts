import type { PoolClient } from "pg";
import { z } from "zod";
import type { EntryFields } from "../blocks/block.ts";
import { blocks, isBlockName, prepareBlock } from "../blocks/index.ts";
import type { PipelineRecord } from "./records.ts";
import { ruleTree } from "./rule-tree.ts";

/** What a step works with besides the records. */
export interface StepContext {
  /** Within a transaction of the run's tenant. */
  readonly client: PoolClient;
  /** Told of each record that the step breaks on; that record goes on as it was. */
  readonly onFault: (error: unknown) => void;
}

/** A step of a blueprint, ready to be run. */
export interface PipelineStep {
  /** Works on some records at a time; those that go on, in order. What it throws breaks off the run, which is tried again. */
  run(records: readonly PipelineRecord[], context: StepContext): PipelineRecord[] | Promise<PipelineRecord[]>;
}

/** A step as a blueprint has it. */
export interface StepSpec {
  readonly name: string;
  readonly type: string;
  readonly config: unknown;
}

/** Makes a step from its type and configuration; throws an error that says what is wrong with them. */
export type PrepareStep = (spec: StepSpec) => PipelineStep;

const fieldName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, "is not the name of a field")
  .refine((name) => name !== "__proto__", "is not the name of a field");

const setConfig = z
  .strictObject({
    values: z.record(fieldName, z.json()).default({}),
    copy: z.record(fieldName, fieldName).default({}),
    remove: z.array(fieldName).max(100).default([]),
  })
  .refine(({ values, copy, remove }) => Object.keys(values).length + Object.keys(copy).length + remove.length > 0, {
    message: "names no field: give values, copy or remove",
  });

const filterConfig = z.strictObject({ rule: ruleTree });

/** Sets fields to values or to what other fields hold, and removes fields. */
function prepareSet(config: unknown): PipelineStep {
  const { values, copy, remove } = setConfig.parse(config);
  return {
    run: (records) =>
      records.map((record) => {
        const copied = Object.entries(copy).map(([to, from]) => [
          to,
          Object.hasOwn(record, from) ? record[from] : null,
        ]);
        const all = Object.entries({ ...record, ...values, ...Object.fromEntries(copied) });
        return Object.fromEntries(all.filter(([name]) => !remove.includes(name)));
      }),
  };
}

const filterSql = `select coalesce((pipeline.conditions_hold($1::jsonb, r) ->> 'holds')::boolean, false) as holds
  from jsonb_array_elements($2::jsonb) with ordinality e (r, n) order by n`;

/** Keeps the records that satisfy a rule; it is the one of automations, walked by the same function. */
function prepareFilter(config: unknown): PipelineStep {
  const rule = JSON.stringify(filterConfig.parse(config).rule);
  return {
    async run(records, { client }) {
      const { rows } = await client.query<{ holds: boolean }>(filterSql, [rule, JSON.stringify(records)]);
      return records.filter((_, n) => rows[n]?.holds);
    },
  };
}

/** One of the blocks of enrichment: it sees the record's fields by the names that entries have. */
function prepareEnrichment(type: string, config: unknown): PipelineStep {
  const block = prepareBlock(type, config);
  return {
    run: (records, { onFault }) =>
      records.map((record) => {
        try {
          return { ...record, ...block.run(record as EntryFields).fields };
        } catch (error) {
          onFault(error);
          return record;
        }
      }),
  };
}

const generic: Readonly<Record<string, (config: unknown) => PipelineStep>> = { set: prepareSet, filter: prepareFilter };

/** The types that steps of a blueprint may have. */
export const stepTypes: readonly string[] = [...Object.keys(blocks), ...Object.keys(generic)];

/** Prepares a step of a known type. Throws an error that names the step and what is wrong with it. */
export const prepareStep: PrepareStep = ({ name, type, config }) => {
  if (isBlockName(type)) return prepareEnrichment(type, config);
  const prepare = Object.hasOwn(generic, type) ? generic[type] : undefined;
  if (prepare === undefined)
    throw new Error(`The step “${name}” is of the type “${type}”, which there is not: ${stepTypes.join(", ")}.`);
  try {
    return prepare(config);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const faults = error.issues.map((issue) => [issue.path.join("."), issue.message].filter(Boolean).join(": "));
    throw new Error(`The configuration of the step “${name}” does not fit: ${faults.join("; ")}.`, { cause: error });
  }
};
