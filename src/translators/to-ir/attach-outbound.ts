/** Whose word on `outbound` counts for a call: by what is called, and by who calls. */
import type { Read } from '../../graph/index.js';
import { callersScope, type Scope } from '../../ir/index.js';
import {
  serviceKey,
  type OutboundSetting,
  type PodKey,
  type PolicyTarget,
  type ServiceKey,
} from '../../model/index.js';
import {
  byAge,
  headOf,
  isPermitted,
  namespaceTargetKeys,
  podsKey,
  serviceTargetKey,
  type PolicyForm,
  type PolicyHead,
} from './attach.js';
import { matchesLabels, matchesNamespace } from './labels.js';
import { hasRouteSettings } from './outbound-settings.js';
import type { Speaker } from './settings.js';
import type { PolicyTables } from './tables.js';
import type { Sidecar } from './workload.js';

/** The part of a policy that speaks of calls. */
export interface OutboundPolicy extends PolicyHead {
  readonly says: OutboundSetting;
}

/**
 * From far to near. What the root namespace writes for selected namespaces stands above everything
 * that their owners, and those who call them, can write.
 */
export const outboundRank = {
  mesh: 0,
  namespace: 1,
  service: 2,
  section: 3,
  route: 4,
  consumer: 5,
  consumerSection: 6,
  consumerRoute: 7,
  caller: 8,
  selectedNamespaces: 9,
} as const;

/** What is called. */
export interface Callee {
  /** Whose Namespace settings hold; absent: nobody's in the mesh. */
  readonly namespace?: string;
  /** The Services that are called, by the name of their port; of a pod's address the headless ones. */
  readonly services: readonly CalledPort[];
}

/** A port of a Service that is called. */
export interface CalledPort {
  readonly service: ServiceKey;
  readonly portName: string;
}

/** Pods of one namespace that the same policies with Pod targets reach; no policies: all the namespace's. */
export interface Caller {
  readonly namespace: string;
  /** The older first. */
  readonly policies: readonly OutboundPolicy[];
}

/** A pod whose own calls some policy speaks of. */
export interface CallerPod {
  readonly pod: PodKey;
  /** The scope of all pods that are the same as callers. */
  readonly scope: Scope;
  readonly caller: Caller;
}

/** What a form says of calls; undefined when it says nothing, or is not enforced. */
export function toOutboundPolicy(
  form: PolicyForm,
  rootNamespace: string,
): OutboundPolicy | undefined {
  if (form.kind === 'RefusedPolicy' || form.mode !== 'Enforce') return undefined;
  if (form.outbound === undefined) return undefined;
  const head = headOf(form, (target) => isPermitted(target, form.namespace, rootNamespace));
  return head === undefined ? undefined : { ...head, says: form.outbound };
}

/** The policies that speak of what this pod calls, whatever it is; undefined when there is none. */
export function toCallerPod(
  sidecar: Sidecar,
  read: Read,
  tables: Pick<PolicyTables, 'outboundByTarget'>,
): CallerPod | undefined {
  const { pod, namespace } = sidecar;
  const policies = read
    .find(tables.outboundByTarget, podsKey(namespace))
    .filter(({ targets }) => targets.some((target) => isMeant(target, sidecar)))
    .sort(byAge);
  if (policies.length === 0) return undefined;
  const scope = callersScope([namespace, ...policies.map(({ name }) => name)].join('/'));
  return { pod, scope, caller: { namespace, policies } };
}

/** Whether its own policies set what routes hold. */
export function isRouteSetter({ caller }: CallerPod): boolean {
  return caller.policies.some(({ says }) => hasRouteSettings(says));
}

function isMeant(target: PolicyTarget, { labels }: Sidecar): boolean {
  return target.kind === 'Pod' && matchesLabels(target.selector, labels);
}

/**
 * Everybody who speaks of calls from `caller` (absent: of callers of whom nothing is said) to
 * `callee`, with how near they are.
 */
export function outboundSpeakers(
  callee: Callee,
  caller: Caller | undefined,
  read: Read,
  tables: Pick<PolicyTables, 'outboundByTarget' | 'namespaces'>,
): readonly Speaker<OutboundSetting>[] {
  return [
    ...wideSpeakers(callee.namespace, read, tables),
    ...callee.services.flatMap((port) => serviceSpeakers(port, caller, read, tables)),
    ...callerSpeakers(caller),
  ];
}

/** Those who speak of all that a caller calls. */
export function callerSpeakers(caller: Caller | undefined): readonly Speaker<OutboundSetting>[] {
  return (caller?.policies ?? []).map((policy) => speak(policy, outboundRank.caller));
}

/** Those who speak of calls to all of a namespace (absent: to all of the mesh). */
function wideSpeakers(
  namespace: string | undefined,
  read: Read,
  tables: Pick<PolicyTables, 'outboundByTarget' | 'namespaces'>,
): readonly Speaker<OutboundSetting>[] {
  const mesh = namespaceTargetKeys('')
    .flatMap((key) => read.find(tables.outboundByTarget, key))
    .map((policy) => speak(policy, outboundRank.mesh));
  if (namespace === undefined) return mesh;
  const row = read.get(tables.namespaces, namespace);
  const near = namespaceTargetKeys(namespace)
    .flatMap((key) => read.find(tables.outboundByTarget, key))
    .flatMap((policy) =>
      policy.targets.flatMap((target): Speaker<OutboundSetting>[] => {
        if (target.kind !== 'Namespace') return [];
        if (target.selector === undefined) {
          return policy.namespace === namespace ? [speak(policy, outboundRank.namespace)] : [];
        }
        return row !== undefined && matchesNamespace(target.selector, row)
          ? [speak(policy, outboundRank.selectedNamespaces)]
          : [];
      }),
    );
  return [...mesh, ...near];
}

/** Producers speak to everybody; a consumer's policy to the pods of its own namespace alone. */
function serviceSpeakers(
  { service, portName }: CalledPort,
  caller: Caller | undefined,
  read: Read,
  tables: Pick<PolicyTables, 'outboundByTarget'>,
): readonly Speaker<OutboundSetting>[] {
  const policies = read.find(tables.outboundByTarget, serviceTargetKey(service));
  return policies.flatMap((policy) =>
    policy.targets.flatMap((target): Speaker<OutboundSetting>[] => {
      if (target.kind !== 'Service') return [];
      if (serviceKey(target.namespace, target.name) !== service) return [];
      const isSection = target.sectionName !== undefined;
      if (isSection && target.sectionName !== portName) return [];
      if (policy.namespace === target.namespace) {
        return [speak(policy, isSection ? outboundRank.section : outboundRank.service)];
      }
      if (policy.namespace !== caller?.namespace) return [];
      return [speak(policy, isSection ? outboundRank.consumerSection : outboundRank.consumer)];
    }),
  );
}

function speak(policy: OutboundPolicy, rank: number): Speaker<OutboundSetting> {
  return { policy, rank, says: policy.says };
}
