/**
 * Test support: who reaches which port of whom under NetworkPolicies. A model of its own of
 * networking.k8s.io/v1, by https://kubernetes.io/docs/concepts/services-networking/network-policies/;
 * of no CNI plugin, since many clusters of tests enforce none.
 */
type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: unknown;
}

interface Rule {
  /** Absent or empty: everybody. */
  readonly from?: readonly Peer[];
  readonly ports?: readonly {
    readonly protocol?: string;
    readonly port?: number | string;
    readonly endPort?: number;
  }[];
}

/** A policy as manifests have it. */
export interface NetworkPolicy {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly Rule[];
    readonly egress?: readonly unknown[];
  };
}

/** Who is called. */
export interface CalledPod {
  readonly namespace: string;
  readonly labels: Labels;
  /** Numbers of its containers' ports by their names. */
  readonly ports: Readonly<Record<string, number>>;
}

/** Who calls: a pod, the node that the called pod runs on, or somebody else, such as the API server. */
export type Caller =
  | {
      readonly kind: 'pod';
      readonly namespace: string;
      readonly namespaceLabels: Labels;
      readonly labels: Labels;
    }
  | { readonly kind: 'own-node' }
  | { readonly kind: 'address' };

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          throw new Error(`unknown operator ${operator}`);
      }
    })
  );
}

function isPeer(peer: Peer, caller: Caller, namespace: string): boolean {
  if (peer.ipBlock !== undefined) throw new Error('the model knows no ipBlock');
  if (caller.kind !== 'pod') return false;
  const isOfNamespace =
    peer.namespaceSelector === undefined
      ? caller.namespace === namespace
      : selects(peer.namespaceSelector, caller.namespaceLabels);
  return isOfNamespace && selects(peer.podSelector ?? {}, caller.labels);
}

function hasPort({ ports }: Rule, called: CalledPod, number: number): boolean {
  if (ports === undefined || ports.length === 0) return true;
  return ports.some(({ protocol = 'TCP', port, endPort }) => {
    if (protocol !== 'TCP') return false;
    if (port === undefined) return true;
    const from = typeof port === 'string' ? called.ports[port] : port;
    return from !== undefined && from <= number && number <= (endPort ?? from);
  });
}

/** Those of the policies that isolate a pod against callers. */
export function isolating(
  policies: readonly NetworkPolicy[],
  called: CalledPod,
): readonly NetworkPolicy[] {
  return policies.filter(({ metadata, spec }) => {
    const types = spec.policyTypes ?? ['Ingress'];
    const isHere = (metadata.namespace ?? 'default') === called.namespace;
    return isHere && types.includes('Ingress') && selects(spec.podSelector, called.labels);
  });
}

/** Whether a TCP connection to a port of a pod is let through. */
export function mayCall(
  policies: readonly NetworkPolicy[],
  caller: Caller,
  called: CalledPod,
  port: number,
): boolean {
  const own = isolating(policies, called);
  // Kubelet's probes: "traffic to and from the node where a Pod is running is always allowed".
  if (own.length === 0 || caller.kind === 'own-node') return true;
  return own.some(({ spec, metadata }) =>
    (spec.ingress ?? []).some((rule) => {
      const isAnybody = rule.from === undefined || rule.from.length === 0;
      const isFrom =
        isAnybody ||
        (rule.from ?? []).some((peer) => isPeer(peer, caller, metadata.namespace ?? 'default'));
      return isFrom && hasPort(rule, called, port);
    }),
  );
}
