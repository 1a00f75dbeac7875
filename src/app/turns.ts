/** The control loop: gathers what sources and sidecars say, turns the pipeline once, hands the outcome to the cache. Mutable state. */
import { shortTypeName } from '../envoy/index.js';
import type { Logger } from '../lib/index.js';
import type { PolicyKey, RefusedPolicy, TrafficPolicy } from '../model/index.js';
import type { Metrics } from '../telemetry/index.js';
import type {
  Pipeline,
  PipelineChanges,
  PipelineResult,
  WorkloadChange,
} from '../translators/index.js';
import type { ResourceChange } from '../xds/index.js';
import type { DemandChange } from './demand.js';
import type { TurnNews } from './news.js';

type Collection = keyof PipelineChanges;

/** The loop. */
export interface TurnLoop {
  /** Sets or removes a row of a source; the turn follows as soon as the event loop is free. */
  put<C extends Collection>(collection: C, key: string, value: RowOf<C> | undefined): void;
  /** The form of a policy that is in force. */
  putPolicy(key: PolicyKey, form: TrafficPolicy | RefusedPolicy | undefined): void;
  demand(change: DemandChange): void;
  /** Turns now whatever waits. */
  flush(): void;
  /** Whether no change waits for its turn. */
  isIdle(): boolean;
  generation(): number;
}

type RowOf<C extends Collection> =
  NonNullable<PipelineChanges[C]> extends ReadonlyMap<string, infer V>
    ? Exclude<V, undefined>
    : never;

/** What the loop works on. */
export interface TurnLoopOptions {
  readonly pipeline: Pipeline;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Takes the resources of one generation. */
  readonly publish: (generation: number, changes: readonly ResourceChange[]) => void;
  readonly onWorkloads: (changes: readonly WorkloadChange[]) => void;
  /** The last word of each turn. */
  readonly onTurn: (turn: TurnNews) => void;
}

type Pending = { -readonly [C in Collection]: Map<string, RowOf<C> | undefined> };

function emptyPending(): Pending {
  return {
    services: new Map(),
    slices: new Map(),
    pods: new Map(),
    namespaces: new Map(),
    nodes: new Map(),
    keySets: new Map(),
    caBundles: new Map(),
    credentials: new Map(),
    policies: new Map(),
    demand: new Map(),
    namespaceDemand: new Map(),
  };
}

/** Creates the loop; nothing turns before the first `put`. */
export function createTurnLoop(options: TurnLoopOptions): TurnLoop {
  let pending = emptyPending();
  /** Whose form waits. */
  const policies = new Set<PolicyKey>();
  let isScheduled = false;
  let generation = 0;
  /** How many namespaces want a name: the mesh-wide row stays while any does. */
  const wanting = new Map<string, number>();

  const report = (result: PipelineResult, seconds: number): void => {
    options.metrics.turnSeconds.observe(seconds);
    for (const failure of result.failures) {
      options.metrics.turnFailures.inc();
      options.logger.error('a row could not be computed', {
        collection: failure.collection,
        key: failure.key,
        error: String(failure.error),
      });
    }
    for (const resource of result.resources) {
      options.metrics.resourcesChanged.inc({ type: shortTypeName(resource.typeUrl) });
    }
  };

  const turn = (): void => {
    const changes = pending;
    const set = [...policies];
    pending = emptyPending();
    policies.clear();
    isScheduled = false;
    const startedAt = performance.now();
    const result = options.pipeline.apply(changes);
    generation = result.generation;
    options.publish(result.generation, result.resources);
    if (result.workloads.length > 0) options.onWorkloads(result.workloads);
    report(result, (performance.now() - startedAt) / 1000);
    const { resources, diagnostics } = result;
    options.onTurn({ generation, policies: set, resources, diagnostics });
  };

  // No debounce: a change waits for nothing but the events that are already there.
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      if (isScheduled) turn();
    });
  };

  const put = <C extends Collection>(
    collection: C,
    key: string,
    value: RowOf<C> | undefined,
  ): void => {
    const rows: Map<string, RowOf<C> | undefined> = pending[collection];
    rows.set(key, value);
    schedule();
  };

  return {
    put,
    putPolicy(key, form): void {
      policies.add(key);
      put('policies', key, form);
    },
    demand(change): void {
      const wanted = change.isWanted ? true : undefined;
      put('namespaceDemand', `${change.namespace}|${change.name}`, wanted);
      const count = (wanting.get(change.name) ?? 0) + (change.isWanted ? 1 : -1);
      if (count > 0) wanting.set(change.name, count);
      else wanting.delete(change.name);
      if (count === 0 || (count === 1 && change.isWanted)) put('demand', change.name, wanted);
    },
    flush(): void {
      if (isScheduled) turn();
    },
    isIdle: () => !isScheduled,
    generation: () => generation,
  };
}
