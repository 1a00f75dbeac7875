/** Whether mtls Strict would break anybody: what sidecars have told of calls in plaintext, Service by Service. */
import type { PlaintextView, PlaintextWorkload } from '../../admin/index.js';

/** Somebody who calls without mutual TLS. */
export interface PlaintextCaller {
  /** `namespace/pod`, or the address where no pod has it. */
  readonly caller: string;
  readonly address: string;
  /** The pod that was called. */
  readonly pod: string;
  readonly port: number;
  /** A lower bound. */
  readonly count: number;
  /** Milliseconds ago. */
  readonly firstAgoMs: number;
  readonly lastAgoMs: number;
}

/** What is known of a Service, or of a pod's ports that no Service has. */
export interface StrictReadiness {
  readonly namespace: string;
  /** `Service name` or `Pod name`. */
  readonly name: string;
  readonly result: 'Strict' | 'ready' | 'not ready' | 'not known';
  /** Why it is not ready, or not known; empty where it is. */
  readonly why: readonly string[];
  /** Those within the window, the latest first. */
  readonly callers: readonly PlaintextCaller[];
}

type Call = PlaintextWorkload['calls'][number];

interface MergedWorkload extends Omit<PlaintextWorkload, 'calls'> {
  /** Ago, by the clock of the replica that was told. */
  readonly calls: readonly PlaintextCaller[];
}

/** How long all of these replicas have listened; 0 where there is none. */
export function watchedMs(views: readonly PlaintextView[]): number {
  return views.length === 0
    ? 0
    : Math.min(...views.map(({ sinceMs, nowMs }) => Math.max(0, nowMs - sinceMs)));
}

/**
 * Judges by what every replica has heard within the window. A sidecar tells whichever replica its
 * workers are connected to, so that one that has begun to listen later may stand for one that has
 * taken what it was told with it.
 */
export function judgeStrict(
  views: readonly PlaintextView[],
  windowMs: number,
): readonly StrictReadiness[] {
  const watched = watchedMs(views);
  const targets = new Map<string, Target>();
  for (const workload of merge(views)) addTargets(targets, workload);
  return [...targets.values()]
    .map((target) => judge(target, windowMs, watched))
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

const sortKey = ({ namespace, name }: StrictReadiness): string => `${namespace}/${name}`;

interface Target {
  readonly namespace: string;
  readonly name: string;
  readonly modes: Set<string>;
  readonly silent: string[];
  readonly calls: PlaintextCaller[];
}

function merge(views: readonly PlaintextView[]): readonly MergedWorkload[] {
  const merged = new Map<string, MergedWorkload>();
  for (const { nowMs, workloads } of views) {
    for (const { pod, isConnected, ports, calls } of workloads) {
      const former = merged.get(pod);
      const own = calls.map((call) => toCaller(pod, call, nowMs));
      merged.set(pod, {
        pod,
        isConnected: isConnected || former?.isConnected === true,
        ports: former?.ports ?? ports,
        calls: addUp([...(former?.calls ?? []), ...own]),
      });
    }
  }
  return [...merged.values()];
}

function toCaller(pod: string, call: Call, nowMs: number): PlaintextCaller {
  const { address, port, count, caller = address } = call;
  const ago = { firstAgoMs: nowMs - call.firstMs, lastAgoMs: nowMs - call.lastMs };
  return { caller, address, pod, port, count, ...ago };
}

function addUp(calls: readonly PlaintextCaller[]): readonly PlaintextCaller[] {
  const sums = new Map<string, PlaintextCaller>();
  for (const call of calls) {
    const key = `${call.address} ${String(call.port)}`;
    const former = sums.get(key);
    sums.set(key, {
      ...call,
      count: call.count + (former?.count ?? 0),
      firstAgoMs: Math.max(call.firstAgoMs, former?.firstAgoMs ?? 0),
      lastAgoMs: Math.min(call.lastAgoMs, former?.lastAgoMs ?? Number.POSITIVE_INFINITY),
    });
  }
  return [...sums.values()];
}

/** Each Service that leads to the workload, and the workload itself for all its other ports. */
function addTargets(targets: Map<string, Target>, workload: MergedWorkload): void {
  const { pod, ports, isConnected, calls } = workload;
  const [namespace = '', podName = ''] = pod.split('/');
  const listed = new Set(ports.flatMap(({ port }) => port ?? []));
  for (const { port, mtls, services } of ports) {
    const own = calls.filter((call) =>
      port === undefined ? !listed.has(call.port) : call.port === port,
    );
    const names = services.map((key) => {
      const cut = key.indexOf('/');
      return { namespace: key.slice(0, cut), name: `Service ${key.slice(cut + 1)}` };
    });
    // Ports that no Service has are of interest where somebody calls them.
    const isOfPod = names.length === 0 && own.length > 0;
    for (const place of isOfPod ? [{ namespace, name: `Pod ${podName}` }] : names) {
      const target = targetAt(targets, place);
      target.modes.add(mtls);
      target.calls.push(...own);
      if (!isConnected && !target.silent.includes(pod)) target.silent.push(pod);
    }
  }
}

function targetAt(
  targets: Map<string, Target>,
  place: { readonly namespace: string; readonly name: string },
): Target {
  const key = `${place.namespace}/${place.name}`;
  const known = targets.get(key);
  if (known !== undefined) return known;
  const target: Target = { ...place, modes: new Set(), silent: [], calls: [] };
  targets.set(key, target);
  return target;
}

function judge(target: Target, windowMs: number, watched: number): StrictReadiness {
  const { namespace, name, modes, silent, calls } = target;
  const at = { namespace, name };
  const callers = calls
    .filter(({ lastAgoMs }) => lastAgoMs <= windowMs)
    .sort((a, b) => a.lastAgoMs - b.lastAgoMs);
  if (modes.size === 1 && modes.has('Strict')) {
    return { ...at, result: 'Strict', why: [], callers: [] };
  }
  if (modes.has('Disabled')) {
    const why = ['its mtls is Disabled: its callers use no mutual TLS by its own wish'];
    return { ...at, result: 'not ready', why, callers };
  }
  if (callers.length > 0) {
    return { ...at, result: 'not ready', why: ['somebody calls in plaintext'], callers };
  }
  const why = [
    ...silent.map((pod) => `the sidecar of ${pod} is not connected and tells nothing`),
    ...(watched < windowMs ? ['it was not watched for the whole time'] : []),
  ];
  return { ...at, result: why.length > 0 ? 'not known' : 'ready', why, callers };
}
