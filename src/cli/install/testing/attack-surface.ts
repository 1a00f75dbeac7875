/** Test support: what an installation's NetworkPolicies are expected to let through, and what its pods listen on. */
import type { Manifest } from '../manifest.js';
import {
  isolating,
  mayCall,
  type CalledPod,
  type Caller,
  type NetworkPolicy,
} from './network-policies.js';

type Labels = Readonly<Record<string, string>>;

interface PodTemplate {
  readonly metadata: { readonly labels: Labels };
  readonly spec: {
    readonly hostNetwork?: boolean;
    readonly containers: readonly {
      readonly args?: readonly string[];
      readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
    }[];
  };
}

/** Pods of an installation. */
export interface InstalledPod extends CalledPod {
  /** `Deployment skerry-system/skerry-controller`. */
  readonly owner: string;
  readonly usesHostNetwork: boolean;
  /** `host:port` of every flag that ends in `listen`. */
  readonly listens: readonly string[];
}

/** The pods that the objects make. */
export function podsOf(objects: readonly Manifest[]): readonly InstalledPod[] {
  return objects.flatMap((object) => {
    const spec = object['spec'] as { readonly template?: PodTemplate } | undefined;
    const template = spec?.template;
    if (template === undefined) return [];
    const namespace = object.metadata.namespace ?? 'default';
    const { containers, hostNetwork = false } = template.spec;
    const ports = containers.flatMap((one) => one.ports ?? []);
    return [
      {
        ...{ namespace, labels: template.metadata.labels, usesHostNetwork: hostNetwork },
        owner: `${object.kind} ${namespace}/${object.metadata.name}`,
        ports: Object.fromEntries(ports.map(({ name, containerPort }) => [name, containerPort])),
        listens: containers.flatMap(({ args = [] }) =>
          args.flatMap((arg) => /^--[a-z-]*listen=(.+)$/.exec(arg)?.[1] ?? []),
        ),
      },
    ];
  });
}

/** The NetworkPolicies among objects. */
export function policiesOf(objects: readonly Manifest[]): readonly NetworkPolicy[] {
  return objects.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as NetworkPolicy[];
}

function pod(namespace: string, labels: Labels = {}, more: Labels = {}): Caller {
  const namespaceLabels = { 'kubernetes.io/metadata.name': namespace, ...more };
  return { kind: 'pod', namespace, namespaceLabels, labels };
}

const callers: Readonly<Record<string, Caller>> = {
  'a pod of an enrolled namespace': pod('shop', {}, { 'skerry.dev/inject': 'enabled' }),
  'a pod of any other namespace': pod('elsewhere'),
  'a pod of a namespace for metrics': pod('monitoring', {}, { 'skerry.dev/metrics': 'enabled' }),
  'a pod elsewhere with the labels of one that reads metrics': pod('elsewhere', {
    'skerry.dev/metrics': 'enabled',
  }),
  'a pod elsewhere with the labels of the control plane': pod('elsewhere', {
    'app.kubernetes.io/name': 'skerry',
    'app.kubernetes.io/component': 'controller',
  }),
  'kubelet of its node': { kind: 'own-node' },
  'the API server, or another address': { kind: 'address' },
};

/** Who is expected to reach which ports of the control plane, by their names. */
const expected: Readonly<Record<keyof typeof callers, readonly string[]>> = {
  'a pod of an enrolled namespace': ['ads', 'webhook'],
  'a pod of any other namespace': ['ads', 'webhook'],
  'a pod of a namespace for metrics': ['ads', 'health', 'webhook'],
  'a pod elsewhere with the labels of one that reads metrics': ['ads', 'webhook'],
  'a pod elsewhere with the labels of the control plane': ['ads', 'webhook'],
  'kubelet of its node': ['ads', 'health', 'webhook', 'another'],
  'the API server, or another address': ['webhook'],
};

/** What differs from the table, in words; empty: it is as expected. */
export function surpriseOf(objects: readonly Manifest[]): readonly string[] {
  const policies = policiesOf(objects);
  return podsOf(objects).flatMap((called) => {
    if (called.usesHostNetwork) return hostNetworkSurprise(called);
    const own = isolating(policies, called);
    if (own.length === 0) return [`${called.owner}: no policy selects its pods`];
    const unnamed = called.listens.filter(
      (address) => !Object.values(called.ports).includes(Number(address.split(':').at(-1))),
    );
    return [
      ...unnamed.map((address) => `${called.owner}: listens on ${address}, which is no named port`),
      ...unmentioned(own, called),
      ...tableSurprise(policies, called),
    ];
  });
}

/** No policy of Kubernetes holds for a pod in its node's network: it must listen to that node alone. */
function hostNetworkSurprise({ owner, listens, ports }: InstalledPod): readonly string[] {
  const open = listens.filter((address) => !address.startsWith('127.0.0.1:'));
  const named = Object.keys(ports);
  return [...open, ...named].map((what) => `${owner}: ${what} is open on the node’s address`);
}

function unmentioned(own: readonly NetworkPolicy[], called: InstalledPod): readonly string[] {
  const said = new Set(
    own.flatMap(({ spec }) =>
      (spec.ingress ?? []).flatMap(({ ports = [] }) => ports.map(({ port }) => port)),
    ),
  );
  return Object.entries(called.ports)
    .filter(([name, number]) => !said.has(name) && !said.has(number))
    .map(([name]) => `${called.owner}: no policy says who may call ${name}`);
}

function tableSurprise(
  policies: readonly NetworkPolicy[],
  called: InstalledPod,
): readonly string[] {
  const ports = { ...called.ports, another: 9_999 };
  return Object.entries(callers).flatMap(([who, caller]) => {
    const reached = Object.entries(ports)
      .filter(([, number]) => mayCall(policies, caller, called, number))
      .map(([name]) => name);
    const wanted = expected[who] ?? [];
    const isSame = [...reached].sort().join() === [...wanted].sort().join();
    return isSame
      ? []
      : [`${called.owner}: ${who} reaches ${reached.join(', ')}, expected ${wanted.join(', ')}`];
  });
}
