/** Cluster names that are answered, by scope: who needs them, and whether before they are asked for. */
import type { Collection, Read } from '../graph/index.js';
import {
  formatClusterName,
  meshScope,
  namespaceScope,
  podScope,
  type ClusterIr,
  type Scope,
  type Wire,
} from '../ir/index.js';
import type { Pod, PortProtocol, Service } from '../model/index.js';
import {
  egressHostsClusterName,
  egressName,
  inboundClusterName,
  listeningClusterName,
  passthroughClusterName,
  refuseClusterName,
} from './to-envoy/contract.js';
import { mayCarryHttp, scopedKey } from './to-ir/called-host.js';
import type { HeadlessAddress } from './to-ir/endpoint-group.js';
import type { InboundDecision } from './to-ir/inbound-class.js';
import { toClusterSettings } from './to-ir/outbound-settings.js';
import { noPlacement } from './to-ir/placement.js';
import type { SourceTables } from './to-ir/tables.js';
import type { VirtualHostDecision } from './to-ir/virtual-host.js';

/** One name in one scope. */
export interface Wanted {
  readonly scope: Scope;
  readonly name: string;
  readonly isEager: boolean;
  /** An address that nobody in the mesh has is answered too: as egress says. */
  readonly mayBeUnknown?: true;
}

/** A name in a scope under its key. */
export type WantedRow = readonly [string, Wanted];

/** The row of a name in a scope. */
export function wantedRow(wanted: Wanted): WantedRow {
  return [scopedKey(wanted.scope, wanted.name), wanted];
}

/** What connections to a port may carry: one wire where the port declares it, else both. */
function wiresOf(protocol: PortProtocol): readonly Wire[] {
  if (protocol === 'sniff') return ['http', 'tcp'];
  return mayCarryHttp(protocol) ? ['http'] : ['tcp'];
}

/** Every name of a Service with virtual IPs (the eager layout). */
export function* wantedByService(
  service: Service,
  read: Read,
  tables: Pick<SourceTables, 'vips'>,
): Iterable<WantedRow> {
  for (const ip of service.clusterIPs) {
    if (read.get(tables.vips, ip) !== service.key) continue;
    for (const { port, protocol, transport } of service.ports) {
      if (transport !== 'TCP') continue;
      for (const wire of wiresOf(protocol)) {
        const name = formatClusterName({ kind: 'address', wire, ip, port });
        yield wantedRow({ scope: meshScope, name, isEager: true });
      }
    }
  }
}

/** Every name of a headless Service's address (the eager layout). */
export function* wantedByHeadless({ ip, port, protocol }: HeadlessAddress): Iterable<WantedRow> {
  for (const wire of wiresOf(protocol)) {
    const name = formatClusterName({ kind: 'address', wire, ip, port });
    yield wantedRow({ scope: meshScope, name, isEager: true });
  }
}

/** Every name of a pod's own addresses and declared container ports (the eager layout). */
export function* wantedByPod(pod: Pod): Iterable<WantedRow> {
  if (pod.isFinished || pod.isHostNetwork) return;
  for (const ip of pod.ips) {
    for (const { port } of pod.containerPorts) {
      for (const wire of wiresOf('sniff')) {
        const name = formatClusterName({ kind: 'address', wire, ip, port });
        yield wantedRow({ scope: meshScope, name, isEager: true });
      }
    }
  }
}

/** The clusters that a virtual host's routes name, where it stands: a first request must not miss them. */
export function* wantedByVirtualHost({
  scope,
  clusters,
}: VirtualHostDecision): Iterable<WantedRow> {
  for (const name of clusters) yield wantedRow({ scope, name, isEager: true });
}

/** The clusters by which a workload fetches the keys of issuers: nobody asks for them by a call. */
export function* wantedByTokens({ ir }: InboundDecision): Iterable<WantedRow> {
  const [namespace = '', name = ''] = ir.pod.split('/');
  const scope = podScope(namespace, name);
  for (const { fetched } of ir.ports.flatMap(({ jwt }) => jwt?.issuers ?? [])) {
    if (fetched !== undefined) yield wantedRow({ scope, name: fetched.cluster, isEager: true });
  }
}

/** Whether another collection answers for `key` already: one name never comes from two. */
export function isGiven(read: Read, others: readonly Collection<Wanted>[], key: string): boolean {
  return others.some((other) => read.get(other, key) !== undefined);
}

/** The answer to a name that the routes of some virtual host need and that leads nowhere. */
export function refusal(name: string): ClusterIr {
  const nowhere = { kind: 'refuse' as const };
  return {
    name,
    wire: 'http',
    kind: nowhere,
    spiffeIds: [],
    ...toClusterSettings([]),
    placement: noPlacement,
    standIns: [],
    origins: [],
  };
}

/** Clusters that every sidecar has: nobody answers for these names again. */
export const fixedNames: readonly string[] = [
  inboundClusterName,
  passthroughClusterName,
  refuseClusterName,
  egressName,
  egressHostsClusterName,
  listeningClusterName,
];

/** Scopes that reach further than `scope` and hold it. */
export function widerScopes(scope: Scope): readonly Scope[] {
  const [kind, namespace] = scope.split('/');
  if (kind === 'pod' && namespace !== undefined) return [namespaceScope(namespace), meshScope];
  return kind === 'namespace' ? [meshScope] : [];
}
