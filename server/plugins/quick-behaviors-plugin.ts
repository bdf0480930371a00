type Entity = unknown;

/** What is remembered for one build of the schema. */
interface Memory {
  readonly checked: Set<string>;
  /** By the text of a behavior, then by what was asked of it. */
  readonly answers: Map<string, Map<string, boolean | undefined>>;
  /** By kind of entity and the texts that are combined. */
  readonly combined: Map<string, any>;
  /** By kind of entity, then by entity. */
  readonly behaviors: Map<string, Map<Entity, any>>;
}

const memories = new WeakMap<object, Memory>();
const quick = new WeakSet<object>();

/**
 * Remembers what graphile-build finds out about behaviors. It asks anew, by parsing texts, each time a plugin wants to know
 * whether something is wanted, and with a hundred tables that is most of the time it takes to build the schema.
 */
export const QuickBehaviorsPlugin: GraphileConfig.Plugin = {
  name: "QuickBehaviorsPlugin",
  version: "1.0.0",
  schema: {
    hooks: {
      init: {
        provides: ["quick-behaviors"],
        before: ["default", "inferred", "override"],
        callback(result: any, build: any) {
          // The instance is frozen by now; what it calls stands on its prototype, which all builds share.
          const prototype = Object.getPrototypeOf(build.behavior);
          if (!quick.has(prototype)) makeQuick(prototype);
          return result;
        },
      },
    },
  } as any,
};

function makeQuick(prototype: any): void {
  quick.add(prototype);
  const { entityMatches, getBehaviorForEntity, getPreferencesAppliedBehaviors } = prototype;

  prototype.getBehaviorForEntity = function (this: object, entityType: string, entity: Entity) {
    const known = getOrAdd(memoryOf(this).behaviors, entityType, () => new Map<Entity, any>());
    // Tuples stand for their parts: the same parts are the same entity.
    const [map, key] = Array.isArray(entity) ? innerMap(known, entity) : [known, entity];
    let found = map.get(key);
    if (found === undefined) map.set(key, (found = getBehaviorForEntity.call(this, entityType, entity)));
    return found;
  };

  prototype.getPreferencesAppliedBehaviors = function (this: object, entityType: string, inferred: any, override: any) {
    const key = [entityType, inferred.behaviorString, override.behaviorString].join("\n");
    // Of entities with the same behavior, the first one's origin is told in diagnostics.
    return getOrAdd(memoryOf(this).combined, key, () =>
      getPreferencesAppliedBehaviors.call(this, entityType, inferred, override),
    );
  };

  prototype.entityMatches = function (this: any, entityType: string, entity: Entity, filter: string) {
    const { checked, answers } = memoryOf(this);
    const asked = `${entityType}/${filter}`;
    if (!checked.has(asked)) {
      // The library's own way also warns of behaviors that nobody registered; once is enough.
      checked.add(asked);
      return entityMatches.call(this, entityType, entity, filter);
    }
    const text: string = this.getBehaviorForEntity(entityType, entity).behaviorString;
    const known = getOrAdd(answers, text, () => new Map<string, boolean | undefined>());
    if (!known.has(filter)) known.set(filter, this.stringMatches(text, filter));
    return known.get(filter);
  };
}

function memoryOf(behavior: object): Memory {
  let memory = memories.get(behavior);
  if (!memory)
    memories.set(
      behavior,
      (memory = { checked: new Set(), answers: new Map(), combined: new Map(), behaviors: new Map() }),
    );
  return memory;
}

const tuples = Symbol("tuples");

function innerMap(map: Map<Entity, any>, tuple: readonly unknown[]): [Map<Entity, any>, unknown] {
  let inner = getOrAdd(map, tuples, () => new Map<Entity, any>());
  inner = getOrAdd(inner, tuple.length, () => new Map<Entity, any>());
  for (const part of tuple.slice(0, -1)) inner = getOrAdd(inner, part, () => new Map<Entity, any>());
  return [inner, tuple.at(-1)];
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
