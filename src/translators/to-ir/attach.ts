/** Who a policy applies to and which policy is nearer: the one place that knows targets and precedence. */
import type { Read } from '../../graph/index.js';
import type { Origin } from '../../ir/index.js';
import {
  serviceKey,
  type Authorization,
  type InboundConnectionsSetting,
  type JwtSetting,
  type Labels,
  type MtlsSetting,
  type Namespace,
  type PolicyKey,
  type PolicyTarget,
  type RateLimitSetting,
  type RefusedPolicy,
  type TrafficPolicy,
} from '../../model/index.js';
import type { EgressPolicy } from '../policies/egress/feature.js';
import type { RoutePolicy } from '../policies/routes/feature.js';
import type { ServedPort } from './endpoint-group.js';
import { matchesLabels, matchesNamespace } from './labels.js';
import type { PolicyTables } from './tables.js';
import type { Sidecar } from './workload.js';

/** A row of the policies source: a form in force, or what is left of an object without one. */
export type PolicyForm = TrafficPolicy | RefusedPolicy;

/** What every kind of policy row carries. */
export interface PolicyHead {
  readonly key: PolicyKey;
  readonly namespace: string;
  readonly name: string;
  readonly creationTimestampMs: number;
  readonly hash: string;
  readonly targets: readonly PolicyTarget[];
}

/** The part of a policy that speaks of servers. */
export interface InboundPolicy extends PolicyHead {
  /** Counts in the shadow only. */
  readonly isAudit: boolean;
  readonly mtls?: MtlsSetting;
  readonly authorization?: Authorization;
  readonly jwt?: JwtSetting;
  readonly rateLimit?: RateLimitSetting;
  readonly inboundConnections?: InboundConnectionsSetting;
  /** No good form is known: nobody is admitted. */
  readonly isAuthorizationRefused: boolean;
}

/**
 * From far to near. What the root namespace writes for selected namespaces stands above everything
 * that their owners can write.
 */
const rankOf = {
  mesh: 0,
  namespace: 1,
  service: 2,
  section: 3,
  pod: 4,
  selectedNamespaces: 5,
} as const;

/** How near a target is to what it reaches; the higher number is nearer. */
export type Rank = (typeof rankOf)[keyof typeof rankOf];

/** One way on which a policy reaches a workload. */
export interface Reach {
  readonly rank: Rank;
  /** The target that leads there. */
  readonly target: PolicyTarget;
  /** Container ports it is limited to; absent: the whole workload. */
  readonly ports?: readonly number[];
}

/** A policy that reaches a workload. */
export interface Attachment {
  readonly policy: InboundPolicy;
  readonly reaches: readonly Reach[];
}

/** The policy as an origin of what is made from it. */
export function policyOrigin(policy: Pick<PolicyHead, 'key' | 'hash'>, field?: string): Origin {
  const object = `TrafficPolicy ${policy.key}`;
  return { object, ...(field === undefined ? {} : { field }), hash: policy.hash };
}

/** The older object first: creation, then name, then namespace. */
export function byAge(
  a: Pick<PolicyHead, 'creationTimestampMs' | 'name' | 'key'>,
  b: Pick<PolicyHead, 'creationTimestampMs' | 'name' | 'key'>,
): number {
  if (a.creationTimestampMs !== b.creationTimestampMs) {
    return a.creationTimestampMs - b.creationTimestampMs;
  }
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** The targets of a form; of a refused one whose targets could not be read, its whole namespace. */
export function targetsOf(form: PolicyForm): readonly PolicyTarget[] {
  return form.targets ?? [{ kind: 'Namespace' }];
}

/** Whether an object of `namespace` may speak for the target at all. */
export function isPermitted(
  target: PolicyTarget,
  namespace: string,
  rootNamespace: string,
): boolean {
  switch (target.kind) {
    case 'Mesh':
      return namespace === rootNamespace;
    case 'Namespace':
      return target.selector === undefined || namespace === rootNamespace;
    case 'Service':
    case 'Pod':
      return true;
  }
}

/** Whether an object of `namespace` may say what the target accepts. */
export function isInboundPermitted(
  target: PolicyTarget,
  namespace: string,
  rootNamespace: string,
): boolean {
  if (!isPermitted(target, namespace, rootNamespace)) return false;
  return target.kind !== 'Service' || target.namespace === namespace;
}

/** The head of a form, with the targets that pass `keeps`; undefined when none does. */
export function headOf(
  form: PolicyForm,
  keeps: (target: PolicyTarget) => boolean,
): PolicyHead | undefined {
  const targets = targetsOf(form).filter(keeps);
  if (targets.length === 0) return undefined;
  const { key, namespace, name, creationTimestampMs, hash } = form;
  return { key, namespace, name, creationTimestampMs, hash, targets };
}

/** What a form says of servers; undefined when it says nothing, or is Disabled. */
export function toInboundPolicy(
  form: PolicyForm,
  rootNamespace: string,
): InboundPolicy | undefined {
  const head = headOf(form, (target) => isInboundPermitted(target, form.namespace, rootNamespace));
  if (head === undefined) return undefined;
  if (form.kind === 'RefusedPolicy') {
    if (!form.spokeOfMtls && !form.spokeOfAuthorization) return undefined;
    return {
      ...head,
      isAudit: false,
      ...(form.spokeOfMtls
        ? { mtls: { mode: 'Strict' as const, ports: new Map(), isFloor: true } }
        : {}),
      isAuthorizationRefused: form.spokeOfAuthorization,
    };
  }
  const { mode, mtls, authorization, jwt, rateLimit, inboundConnections } = form;
  if (mode === 'Disabled') return undefined;
  const sections = [mtls, authorization, jwt, rateLimit, inboundConnections];
  if (sections.every((section) => section === undefined)) return undefined;
  return {
    ...head,
    isAudit: mode === 'Audit',
    ...(mtls === undefined ? {} : { mtls }),
    ...(authorization === undefined ? {} : { authorization }),
    ...(jwt === undefined ? {} : { jwt }),
    ...(rateLimit === undefined ? {} : { rateLimit }),
    ...(inboundConnections === undefined ? {} : { inboundConnections }),
    isAuthorizationRefused: false,
  };
}

/** What a form says of routes; undefined when it says nothing, or is not enforced. */
export function toRoutePolicy(form: PolicyForm): RoutePolicy | undefined {
  if (form.kind === 'RefusedPolicy' || form.mode !== 'Enforce') return undefined;
  const head = headOf(form, ({ kind }) => kind === 'Service');
  return head === undefined || form.routes === undefined
    ? undefined
    : { ...head, routes: form.routes };
}

/** What a form says of egress; undefined when it says nothing, or is not enforced. */
export function toEgressPolicy(form: PolicyForm, rootNamespace: string): EgressPolicy | undefined {
  if (form.kind === 'RefusedPolicy' || form.mode !== 'Enforce') return undefined;
  const head = headOf(form, (target) => isPermitted(target, form.namespace, rootNamespace));
  return head === undefined || form.egress === undefined ? undefined : { ...head, ...form.egress };
}

const meshKey = 'mesh';
const selectedKey = 'selected-namespaces';
const namespaceKey = (namespace: string): string => `namespace ${namespace}`;
/** The index key of the policies whose targets are pods of a namespace. */
export function podsKey(namespace: string): string {
  return `pods ${namespace}`;
}

/** The index key of the policies whose target is a Service. */
export function serviceTargetKey(service: string): string {
  return `service ${service}`;
}

/** The index key of one target of a policy of `namespace`. */
export function targetKey(target: PolicyTarget, namespace: string): string {
  switch (target.kind) {
    case 'Mesh':
      return meshKey;
    case 'Namespace':
      return target.selector === undefined ? namespaceKey(namespace) : selectedKey;
    case 'Pod':
      return podsKey(namespace);
    case 'Service':
      return serviceTargetKey(serviceKey(target.namespace, target.name));
  }
}

/** Index keys under which a policy is found by what it targets. */
export function targetKeys(policy: PolicyHead): readonly string[] {
  return policy.targets.map((target) => targetKey(target, policy.namespace));
}

/** The same text for targets of one namespace's policies that mean the same. */
export function targetText(target: PolicyTarget): string {
  switch (target.kind) {
    case 'Mesh':
      return 'Mesh';
    case 'Namespace':
      return `Namespace ${labelsText(target.selector ?? {})}`;
    case 'Pod':
      return `Pod ${labelsText(target.selector)}`;
    case 'Service':
      return `Service ${target.namespace}/${target.name} ${target.sectionName ?? ''}`;
  }
}

function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

/** Index keys of the Services that a policy targets. */
export function serviceKeys(policy: PolicyHead): readonly string[] {
  return policy.targets.flatMap((target) =>
    target.kind === 'Service' ? [serviceKey(target.namespace, target.name)] : [],
  );
}

/** Index keys of the policies that may reach all of a namespace, or all of the mesh for `''`. */
export function namespaceTargetKeys(namespace: string): readonly string[] {
  return namespace === '' ? [meshKey] : [namespaceKey(namespace), selectedKey];
}

/** How a policy reaches all of a namespace; undefined when it does not. */
export function namespaceRank(
  policy: PolicyHead,
  namespace: string,
  row: Namespace | undefined,
): Rank | undefined {
  let nearest: Rank | undefined;
  for (const target of policy.targets) {
    const rank = wideRank(target, policy, namespace, row);
    if (rank !== undefined && (nearest === undefined || rank > nearest)) nearest = rank;
  }
  return nearest;
}

function wideRank(
  target: PolicyTarget,
  policy: PolicyHead,
  namespace: string,
  row: Namespace | undefined,
): Rank | undefined {
  if (target.kind === 'Mesh') return rankOf.mesh;
  if (target.kind !== 'Namespace') return undefined;
  if (target.selector === undefined) {
    return policy.namespace === namespace ? rankOf.namespace : undefined;
  }
  const matches = row !== undefined && matchesNamespace(target.selector, row);
  return matches ? rankOf.selectedNamespaces : undefined;
}

/** Every policy that reaches a workload as a server, the older first. */
export function attachInbound(
  sidecar: Sidecar,
  served: readonly ServedPort[],
  read: Read,
  tables: Pick<PolicyTables, 'inboundByTarget' | 'namespaces'>,
): readonly Attachment[] {
  const services = [...new Set(served.map(({ service }) => service))];
  const keys = [
    meshKey,
    ...namespaceTargetKeys(sidecar.namespace),
    podsKey(sidecar.namespace),
    ...services.map(serviceTargetKey),
  ];
  const policies = new Map<PolicyKey, InboundPolicy>();
  for (const key of keys) {
    for (const policy of read.find(tables.inboundByTarget, key)) policies.set(policy.key, policy);
  }
  const row = read.get(tables.namespaces, sidecar.namespace);
  return [...policies.values()].sort(byAge).flatMap((policy) => {
    const reaches = policy.targets.flatMap((target): Reach[] => {
      const reach = reachOf(target, policy, { sidecar, served, row });
      return reach === undefined ? [] : [reach];
    });
    return reaches.length === 0 ? [] : [{ policy, reaches }];
  });
}

function reachOf(
  target: PolicyTarget,
  policy: PolicyHead,
  server: {
    readonly sidecar: Sidecar;
    readonly served: readonly ServedPort[];
    readonly row: Namespace | undefined;
  },
): Reach | undefined {
  const { sidecar, served, row } = server;
  switch (target.kind) {
    case 'Mesh':
    case 'Namespace': {
      const rank = wideRank(target, policy, sidecar.namespace, row);
      return rank === undefined ? undefined : { rank, target };
    }
    case 'Pod':
      return policy.namespace === sidecar.namespace &&
        matchesLabels(target.selector, sidecar.labels)
        ? { rank: rankOf.pod, target }
        : undefined;
    case 'Service': {
      const key = serviceKey(target.namespace, target.name);
      const own = served.filter(({ service }) => service === key);
      if (target.sectionName === undefined) {
        return own.length === 0 ? undefined : { rank: rankOf.service, target };
      }
      const ports = own
        .filter(({ portName }) => portName === target.sectionName)
        .map(({ port }) => port);
      return ports.length === 0 ? undefined : { rank: rankOf.section, target, ports };
    }
  }
}

/** The nearest way on which a policy reaches a port (undefined: ports that nobody declares). */
export function reachOfPort(attachment: Attachment, port: number | undefined): Reach | undefined {
  let nearest: Reach | undefined;
  for (const reach of attachment.reaches) {
    if (reach.ports !== undefined && (port === undefined || !reach.ports.includes(port))) continue;
    if (nearest === undefined || reach.rank > nearest.rank) nearest = reach;
  }
  return nearest;
}

/** Attachments that reach a port, the nearest first and among equals the older first. */
export function nearestFirst(
  attachments: readonly Attachment[],
  port: number | undefined,
): readonly { readonly policy: InboundPolicy; readonly reach: Reach }[] {
  return attachments
    .flatMap((attachment) => {
      const reach = reachOfPort(attachment, port);
      return reach === undefined ? [] : [{ policy: attachment.policy, reach }];
    })
    .sort((a, b) => b.reach.rank - a.reach.rank || byAge(a.policy, b.policy));
}
