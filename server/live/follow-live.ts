import { GraphQLError, type ExecutionResult } from "graphql";
import { differenceOf } from "./difference.ts";
import type { LiveFollower, LiveGroup } from "./live-group.ts";
import type { LiveState } from "./live-run.ts";

/** The parts of an answer that are the same for all who go from one state to another. */
type Step = Pick<ExecutionResult, "data" | "errors"> & { readonly patch?: unknown };

/**
 * The answers for one who follows a group: first the whole data, then what differs from what was sent last. Whoever is slow
 * to take one misses the states between, not the difference.
 */
export function followLive(group: LiveGroup, onEnd: () => void): AsyncIterableIterator<ExecutionResult> {
  let sent: LiveState | undefined;
  /** The last state that had data: what the client's copy is. */
  let base: LiveState | undefined;
  let revision = 0;
  let isOver = false;
  let resume: (() => void) | undefined;
  const follower: LiveFollower = { wake: () => resume?.() };
  const done = { done: true, value: undefined } as const;
  group.followers.add(follower);

  const finish = () => {
    if (isOver) return;
    isOver = true;
    group.followers.delete(follower);
    onEnd();
    resume?.();
  };
  const answer = (step: Step): IteratorResult<ExecutionResult> => {
    const { patch, ...rest } = step;
    const live = { revision: ++revision, ...(patch !== undefined && { patch }) };
    return { done: false, value: { ...rest, extensions: { live } } };
  };

  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      while (!isOver) {
        const state: LiveState = sent === undefined ? await group.fresh() : group.state!;
        if (isOver) break;
        if (state === sent) {
          await new Promise<void>((resolve) => (resume = resolve));
          resume = undefined;
          continue;
        }
        const from: { sent: LiveState | undefined; base: LiveState | undefined } = { sent, base };
        sent = state;
        if (state.refusal) {
          finish();
          const { message } = state.refusal;
          return { done: false, value: { errors: [new GraphQLError(message, { originalError: state.refusal })] } };
        }
        // A run that failed says nothing of what the client has.
        if (state.data !== undefined && !(state.hasFailed && base)) base = state;
        else if (base === undefined) {
          finish();
          return { done: false, value: { errors: state.errors! } };
        }
        const step = stepOf(from.sent, from.base, state);
        if (step) return answer(step);
      }
      return done;
    },
    async return() {
      finish();
      return done;
    },
    async throw(error) {
      finish();
      throw error;
    },
  };
}

/** Differences by the state that they lead to, then by the one that they come from: who goes the same way shares them. */
const differences = new WeakMap<LiveState, WeakMap<LiveState, unknown>>();

function stepOf(sent: LiveState | undefined, base: LiveState | undefined, to: LiveState): Step | undefined {
  const errors = to.errors && { errors: to.errors };
  const areErrorsSame = sent?.errorKey === to.errorKey;
  if (to.text === undefined || (to.hasFailed && base)) return areErrorsSame ? undefined : { ...errors };
  if (base === undefined) return { data: to.data as ExecutionResult["data"], ...errors };
  if (base.text === to.text) return areErrorsSame ? undefined : { ...errors, patch: [] };
  let ways = differences.get(to);
  if (ways === undefined) differences.set(to, (ways = new WeakMap()));
  if (!ways.has(base)) ways.set(base, differenceOf(base.data, to.data, to.text.length));
  const patch = ways.get(base);
  return patch === undefined ? { data: to.data as ExecutionResult["data"], ...errors } : { ...errors, patch };
}
