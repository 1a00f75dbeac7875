/** Which calls a change makes different: judged before and after, each class of callers by one of it. */
import { formatClusterName, type InboundPortIr } from '../../../ir/index.js';
import type { Pod } from '../../../model/index.js';
import { explain, type Explanation } from '../explain.js';
import type { MeshView } from '../mesh-view.js';
import {
  changeBetween,
  changeKinds,
  describeState,
  toCallState,
  type CallState,
  type ChangeKind,
} from './call-state.js';
import { classifyCallers, signatureOf, termsOf, type CallerClass } from './callers.js';
import { sampleRequests, type SampleRequest } from './requests.js';
import {
  addressOf,
  endpointsOf,
  nobody,
  targetsOf,
  type PlanSide,
  type Target,
} from './targets.js';

/** Bounds of a plan. */
export interface PlanLimits {
  /** So many calls are judged on each side. */
  readonly calls: number;
  /** So many requests of one class of callers to one target. */
  readonly requests: number;
}

/** A call that changes; all callers of it get the same. */
export interface ChangedCall {
  readonly kind: ChangeKind;
  /** `namespace/pod`, one of each class, sorted. */
  readonly callers: readonly string[];
  /** `service.namespace:port` or `ip:port`. */
  readonly to: string;
  readonly request: SampleRequest;
  readonly before: CallState;
  readonly after: CallState;
  /** The two in the words that matter. */
  readonly was: string;
  readonly becomes: string;
  /** The objects behind the verdict or the route afterwards. */
  readonly because: readonly string[];
}

/** What becomes of calls. */
export interface ChangedCalls {
  /** The most dangerous first. */
  readonly changes: readonly ChangedCall[];
  /** Calls judged, and those for which they stand. */
  readonly judged: number;
  readonly callerClasses: number;
  readonly newCallers: number;
  readonly goneCallers: number;
  readonly targets: number;
  /** Why calls may change that are not listed; empty: every call of the vocabulary was judged. */
  readonly omissions: readonly string[];
}

/** Judges and compares. */
export function changedCalls(before: PlanSide, after: PlanSide, limits: PlanLimits): ChangedCalls {
  const callers = classifyCallers(before.pods, after.pods);
  const targets = targetsOf(before, after, callers.classes);
  const mesh = { before, after, limits, classes: callers.classes };
  const context = { ...mesh, looks: looksOf(mesh, createIds()) };
  const judged = judgeTargets(context, targets);
  const rank = new Map(changeKinds.map((kind, index) => [kind, index]));
  // Of one kind they stay in the order of their targets.
  const changes = judged.changes.sort((a, b) => (rank.get(a.kind) ?? 0) - (rank.get(b.kind) ?? 0));
  return {
    ...judged,
    changes,
    callerClasses: callers.classes.length,
    newCallers: callers.new,
    goneCallers: callers.gone,
    targets: targets.length,
  };
}

interface Context {
  readonly before: PlanSide;
  readonly after: PlanSide;
  readonly limits: PlanLimits;
  readonly classes: readonly CallerClass[];
  /** Of each class. */
  readonly looks: readonly string[];
}

function judgeTargets(
  context: Context,
  targets: readonly Target[],
): { readonly changes: ChangedCall[]; readonly judged: number; readonly omissions: string[] } {
  const { before, after, limits } = context;
  const changes: ChangedCall[] = [];
  const uncovered = new Set<string>();
  let judged = 0;
  let cutTargets = 0;
  let skipped = 0;
  for (const target of targets) {
    if (judged >= limits.calls) {
      skipped += 1;
      continue;
    }
    const { groups, ports } = groupCallers(context, target);
    let isCut = false;
    for (const [first, ...others] of groups) {
      if (first === undefined) continue;
      const hosts = [
        hostOf(before, first.before, target) ?? [],
        hostOf(after, first.after, target) ?? [],
      ].flat();
      const samples = sampleRequests(hosts, ports, limits.requests);
      for (const each of samples.uncovered) uncovered.add(each);
      isCut ||= samples.isCut;
      for (const request of samples.requests) {
        judged += 1;
        const was = ask(before, first.before, target, request);
        const becomes = ask(after, first.after, target, request);
        const change = compareCalls(was, becomes);
        if (change === undefined) continue;
        const names = [first, ...others].map(({ name }) => name).sort();
        changes.push({ ...change, callers: names, to: target.name, request });
      }
    }
    if (isCut) cutTargets += 1;
  }
  return { changes, judged, omissions: omissionsOf({ skipped, cutTargets, uncovered, limits }) };
}

function omissionsOf(found: {
  readonly skipped: number;
  readonly cutTargets: number;
  readonly uncovered: ReadonlySet<string>;
  readonly limits: PlanLimits;
}): string[] {
  const { skipped, cutTargets, uncovered, limits } = found;
  return [
    ...(skipped === 0
      ? []
      : [
          `${String(skipped)} targets were not judged: the limit of ${String(limits.calls)} calls was reached`,
        ]),
    ...(cutTargets === 0
      ? []
      : [
          `of ${String(cutTargets)} targets not every combination of conditions was judged, but ${String(limits.requests)} of each class of callers`,
        ]),
    ...[...uncovered].map((each) => `no request could be made that meets: ${each}`),
  ];
}

function compareCalls(
  was: Explanation,
  becomes: Explanation,
): Pick<ChangedCall, 'kind' | 'before' | 'after' | 'was' | 'becomes' | 'because'> | undefined {
  const before = toCallState(was);
  const after = toCallState(becomes);
  const kind = changeBetween(before, after);
  if (kind === undefined) return undefined;
  const isVerdict = ['refused', 'admitted', 'rule'].includes(kind);
  const steps = becomes.steps.filter(({ at }) => at === (isVerdict ? 'verdict' : 'route'));
  return {
    ...{ kind, before, after },
    was: describeState(before, kind),
    becomes: describeState(after, kind),
    because: [...new Set(steps.flatMap(({ from }) => from))],
  };
}

function ask(side: PlanSide, from: Pod, target: Target, request: SampleRequest): Explanation {
  const { host, port } = target;
  return explain(side.view, { from, host, port, ...request }, side.clusterDomain);
}

/** What each class of callers meets wherever it calls, as text: the same text, the same ways. */
function looksOf(
  { before, after, classes }: Omit<Context, 'looks'>,
  idOf: IdOf,
): readonly string[] {
  return classes.map((each) =>
    [
      idOf(before.view.outboundListener(each.before)),
      idOf(before.view.outboundRoutes(each.before).route),
      idOf(after.view.outboundListener(each.after)),
      idOf(after.view.outboundRoutes(each.after).route),
      // The same cluster may have other endpoints there.
      JSON.stringify([before.view.zone(each.before), after.view.zone(each.after)]),
      // What a pod's own policies say of its calls is said of those to nobody's address too.
      JSON.stringify([
        before.view.cluster(each.before, nobodysCluster)?.cluster,
        after.view.cluster(each.after, nobodysCluster)?.cluster,
      ]),
    ].join(' '),
  );
}

const nobodysCluster = formatClusterName({ kind: 'address', wire: 'http', ip: nobody, port: 80 });

type IdOf = (value: object | undefined) => number;

/** Numbers objects: the same one has the same number. */
function createIds(): IdOf {
  const ids = new Map<object, number>();
  return (value) => {
    if (value === undefined) return -1;
    const id = ids.get(value) ?? ids.size;
    ids.set(value, id);
    return id;
  };
}

/**
 * Callers that get the same of a target on either side, whatever they request, and the ports that it
 * leads to. Hot: asked for every class of callers and every target.
 */
function groupCallers(context: Context, target: Target): Grouped {
  const { before, after, classes, looks } = context;
  const idOf = createIds();
  const [was, becomes] = [addressOf(before, target), addressOf(after, target)];
  const { port } = target;
  const seen = new Map<string, CallerClass>();
  const own: string[] = [];
  for (const [index, each] of classes.entries()) {
    const former = was === undefined ? undefined : before.view.virtualHost(each.before, was, port);
    const next =
      becomes === undefined ? undefined : after.view.virtualHost(each.after, becomes, port);
    const look = `${looks[index] ?? ''} ${String(idOf(former))} ${String(idOf(next))}`;
    own.push(look);
    if (!seen.has(look)) seen.set(look, each);
  }
  const ports = new Set<InboundPortIr>();
  for (const each of seen.values()) {
    for (const found of portsBehind(before, each.before, target)) ports.add(found);
    for (const found of portsBehind(after, each.after, target)) ports.add(found);
  }
  const terms = termsOf([...ports]);
  const groups = new Map<string, CallerClass[]>();
  for (const [index, each] of classes.entries()) {
    const marks = [
      signatureOf(each.before, terms, before.view.trustDomain),
      signatureOf(each.after, terms, after.view.trustDomain),
    ];
    const key = `${own[index] ?? ''} ${marks.join(' ')}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return { groups: [...groups.values()], ports: [...ports] };
}

interface Grouped {
  readonly groups: readonly (readonly CallerClass[])[];
  readonly ports: readonly InboundPortIr[];
}

function hostOf(side: PlanSide, pod: Pod, target: Target): ReturnType<MeshView['virtualHost']> {
  const ip = addressOf(side, target);
  return ip === undefined ? undefined : side.view.virtualHost(pod, ip, target.port);
}

/** The ports of pods that a call may get to, by its routes or without one. */
function portsBehind(side: PlanSide, pod: Pod, target: Target): readonly InboundPortIr[] {
  const ip = addressOf(side, target);
  if (ip === undefined) return [];
  const { port } = target;
  const routed = (side.view.virtualHost(pod, ip, port)?.routes ?? []).flatMap(({ action }) =>
    action.kind === 'forward' ? action.clusters.map(({ name }) => name) : [],
  );
  const own = (['http', 'tcp'] as const).map((wire) =>
    formatClusterName({ kind: 'address', wire, ip, port }),
  );
  return [...new Set([...own, ...routed])].flatMap((name) => {
    return endpointsOf(side, pod, name).flatMap((endpoint) => {
      const owner = side.view.podByIp(endpoint.ip);
      const ports = (owner === undefined ? undefined : side.view.inbound(owner))?.ports ?? [];
      const named = ports.find((each) => each.port === endpoint.port);
      return named ?? ports.find((each) => each.port === undefined) ?? [];
    });
  });
}
