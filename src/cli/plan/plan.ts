/** What a change does, as data: objects, sidecars, connections, calls, findings. Pure: it writes nothing. */
import { isDeepStrictEqual } from 'node:util';
import { typeUrls } from '../../envoy/index.js';
import { formatRef, type Diagnostic } from '../../model/index.js';
import type { SourceBatch, SourceChange } from '../../sources/index.js';
import {
  changedCalls,
  type ChangedCalls,
  type Pipeline,
  type PipelineResult,
  type PlanLimits,
  type PlanSide,
  type ScopedResource,
} from '../../translators/index.js';
import { createOfflinePipeline, toPipelineChanges, type MeshFlags } from '../offline.js';
import { changedFields } from './changed-fields.js';

/** What happens to something. */
export type Operation = 'added' | 'changed' | 'removed';

/** An object that differs. */
export interface PlannedObject {
  readonly operation: Operation;
  /** `TrafficPolicy.skerry.dev shop/reviews`. */
  readonly object: string;
  /** The fields that differ, of an object that changes. */
  readonly fields: readonly string[];
}

/** What some sidecars are sent. */
export interface PlannedPush {
  /** `every sidecar`, or those of a namespace, or their pods. */
  readonly to: string;
  readonly sidecars: readonly string[];
  readonly resources: readonly {
    readonly operation: Operation;
    /** `cluster`, `endpoints`, `listener`, `routes`, `virtual host`, `filter`. */
    readonly type: string;
    readonly name: string;
  }[];
}

/** What a change does. */
export interface Plan {
  readonly objects: readonly PlannedObject[];
  /** How many sidecars there are afterwards, and how many are sent something. */
  readonly sidecars: { readonly total: number; readonly touched: number };
  readonly pushes: readonly PlannedPush[];
  /** Pods whose open connections are drained, on that side. */
  readonly drained: { readonly inbound: readonly string[]; readonly outbound: readonly string[] };
  readonly calls: ChangedCalls;
  readonly diagnostics: {
    readonly new: readonly Diagnostic[];
    readonly gone: readonly Diagnostic[];
  };
}

/** Compares the mesh that `before` makes with the one that `after` makes. */
export function makePlan(
  before: SourceBatch,
  after: SourceBatch,
  flags: MeshFlags & { readonly limits: PlanLimits },
): Plan {
  const former = byKey(before.changes);
  const next = keepGoodForms(former, after);
  const old = createOfflinePipeline(flags, 'eager');
  const oldResult = old.apply(toPipelineChanges(before.changes));
  const changed = createOfflinePipeline(flags, 'eager');
  changed.apply(toPipelineChanges(before.changes));
  const delta = deltaOf(former, next);
  const result = changed.apply(toPipelineChanges(delta));
  const pushes = pushesOf(oldResult, result, changed);
  return {
    objects: objectsOf(former, next),
    sidecars: {
      total: changed.workloads().size,
      touched: new Set(pushes.flatMap(({ sidecars }) => sidecars)).size,
    },
    pushes: foldPushes(pushes),
    drained: drainedBy(pushes),
    calls: changedCalls(
      sideOf(old, before.changes),
      sideOf(changed, [...next.values()]),
      flags.limits,
    ),
    diagnostics: compareDiagnostics([old, before], [changed, after]),
  };
}

type Rows = ReadonlyMap<string, SourceChange>;

function byKey(changes: readonly SourceChange[]): Rows {
  return new Map(changes.map((change) => [`${change.collection} ${change.key}`, change]));
}

/** The rows afterwards; of an object that is refused the last good form stays in force, if there was one. */
function keepGoodForms(former: Rows, { changes, diagnostics }: SourceBatch): Rows {
  const next = new Map(byKey(changes));
  const broken = new Set(
    diagnostics.flatMap(({ severity, object }) =>
      severity === 'error' && object !== undefined ? [formatRef(object)] : [],
    ),
  );
  for (const [key, change] of former) {
    const own = next.get(key);
    const isRefused = own === undefined || own.value?.kind === 'RefusedPolicy';
    if (isRefused && broken.has(formatRef(change.ref))) next.set(key, change);
  }
  return next;
}

/** Rows that are not the same, and removals of those that are gone. */
function deltaOf(former: Rows, next: Rows): readonly SourceChange[] {
  const set = [...next].flatMap(([key, change]) =>
    isDeepStrictEqual(former.get(key)?.value, change.value) ? [] : [change],
  );
  const gone = [...former].flatMap(([key, change]): readonly SourceChange[] =>
    next.has(key) ? [] : [{ ...change, value: undefined }],
  );
  return [...set, ...gone];
}

function objectsOf(former: Rows, next: Rows): readonly PlannedObject[] {
  const planned: PlannedObject[] = [];
  for (const [key, change] of next) {
    // What follows from another object is nobody's change.
    if (change.manifest === undefined) continue;
    const earlier = former.get(key);
    const object = formatRef(change.ref);
    if (earlier === undefined) planned.push({ operation: 'added', object, fields: [] });
    else if (!isDeepStrictEqual(earlier.value, change.value)) {
      const fields = changedFields(earlier.manifest, change.manifest);
      planned.push({ operation: 'changed', object, fields });
    }
  }
  for (const [key, { ref }] of former) {
    if (!next.has(key)) planned.push({ operation: 'removed', object: formatRef(ref), fields: [] });
  }
  // Policies first: they are what most changes are about.
  const rank = ({ object }: PlannedObject): number => (object.startsWith('TrafficPolicy') ? 0 : 1);
  return planned.sort((a, b) => rank(a) - rank(b) || (a.object < b.object ? -1 : 1));
}

const typeNames: Readonly<Record<string, string>> = {
  [typeUrls.cluster]: 'cluster',
  [typeUrls.endpoint]: 'endpoints',
  [typeUrls.listener]: 'listener',
  [typeUrls.route]: 'routes',
  [typeUrls.virtualHost]: 'virtual host',
  [typeUrls.extensionConfig]: 'filter',
};

/** One entry a scope. */
function pushesOf(
  old: PipelineResult,
  { resources }: PipelineResult,
  pipeline: Pipeline,
): readonly PlannedPush[] {
  const identity = ({ scope, typeUrl, name }: ScopedResource): string =>
    `${scope} ${typeUrl} ${name}`;
  const former = new Map(old.resources.map((each) => [identity(each), each.resource?.version]));
  const pods = [...pipeline.workloads().keys()].sort();
  const byScope = new Map<string, PlannedPush['resources'][number][]>();
  for (const each of resources) {
    const version = former.get(identity(each));
    const operation =
      each.resource === undefined ? 'removed' : version === undefined ? 'added' : 'changed';
    if (operation === 'changed' && version === each.resource?.version) continue;
    const list = byScope.get(each.scope) ?? [];
    list.push({ operation, type: typeNames[each.typeUrl] ?? each.typeUrl, name: each.name });
    byScope.set(each.scope, list);
  }
  return [...byScope].map(([scope, list]) => ({ ...audienceOf(scope, pods), resources: list }));
}

function audienceOf(scope: string, pods: readonly string[]): Pick<PlannedPush, 'to' | 'sidecars'> {
  if (scope === 'mesh') return { to: 'every sidecar', sidecars: pods };
  const cut = scope.indexOf('/');
  const [kind, name] = [scope.slice(0, cut), scope.slice(cut + 1)];
  if (kind === 'namespace') {
    return { to: `namespace ${name}`, sidecars: pods.filter((pod) => pod.startsWith(`${name}/`)) };
  }
  return { to: name, sidecars: pods.filter((pod) => pod === name) };
}

/** Sidecars that are sent the same are one entry. */
function foldPushes(pushes: readonly PlannedPush[]): readonly PlannedPush[] {
  const folded = new Map<string, PlannedPush>();
  for (const push of pushes) {
    const isOne = push.to !== 'every sidecar' && !push.to.startsWith('namespace ');
    const key = isOne ? JSON.stringify(push.resources) : push.to;
    const former = folded.get(key);
    folded.set(
      key,
      former === undefined
        ? push
        : {
            ...former,
            sidecars: [...former.sidecars, ...push.sidecars],
            to: `${former.to}, ${push.to}`,
          },
    );
  }
  return [...folded.values()].sort((a, b) => b.sidecars.length - a.sidecars.length);
}

/** A listener that changes leaves its open connections to be drained; requests on them go on until then. */
function drainedBy(pushes: readonly PlannedPush[]): Plan['drained'] {
  const on = (side: string): readonly string[] => {
    const found = pushes.filter(({ resources }) =>
      resources.some(
        ({ type, name, operation }) =>
          type === 'listener' && name === side && operation === 'changed',
      ),
    );
    return [...new Set(found.flatMap(({ sidecars }) => sidecars))].sort();
  };
  return { inbound: on('inbound'), outbound: on('outbound') };
}

function sideOf(pipeline: Pipeline, changes: readonly SourceChange[]): PlanSide {
  const pods: PlanSide['pods'][number][] = [];
  const services: PlanSide['services'][number][] = [];
  for (const { value } of changes) {
    if (value?.kind === 'Pod') pods.push(value);
    else if (value?.kind === 'Service') services.push(value);
  }
  return { view: pipeline.view, pods, services, clusterDomain: pipeline.settings.clusterDomain };
}

function compareDiagnostics(
  before: readonly [Pipeline, SourceBatch],
  after: readonly [Pipeline, SourceBatch],
): Plan['diagnostics'] {
  const gather = ([pipeline, batch]: readonly [Pipeline, SourceBatch]): Findings => {
    const all = [...batch.diagnostics, ...[...pipeline.diagnostics().values()].flat()];
    // What only moves to another line is not new.
    return new Map(all.map((found) => [JSON.stringify({ ...found, position: undefined }), found]));
  };
  const only = (own: Findings, others: Findings): readonly Diagnostic[] =>
    [...own].flatMap(([key, found]) => (others.has(key) ? [] : [found]));
  const [former, next] = [gather(before), gather(after)];
  return { new: only(next, former), gone: only(former, next) };
}

type Findings = ReadonlyMap<string, Diagnostic>;
