/** What a plan calls: every port of every Service, pods that none leads to, and what is outside. */
import {
  formatAddress,
  formatClusterName,
  type EndpointIr,
  type VirtualHostIr,
} from '../../../ir/index.js';
import type { Pod, Service } from '../../../model/index.js';
import type { MeshView } from '../mesh-view.js';
import type { CallerClass } from './callers.js';

/** A compiled mesh, and what is in it. */
export interface PlanSide {
  readonly view: MeshView;
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  readonly clusterDomain: string;
}

/** Whom a call is made to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly name: string;
}

/** The address of a target; undefined: the side has no such Service. */
export function addressOf({ view }: PlanSide, { host }: Target): string | undefined {
  if (/^[\d.]+$/.test(host) || host.includes(':')) return host;
  const [name = '', namespace = '', ...rest] = host.split('.');
  return rest.length > 0 ? undefined : view.service(`${namespace}/${name}`)?.clusterIPs[0];
}

/** The virtual host that a caller has for a target; undefined: no policy speaks of it. */
export function hostOf(side: PlanSide, pod: Pod, target: Target): VirtualHostIr | undefined {
  const ip = addressOf(side, target);
  return ip === undefined ? undefined : side.view.virtualHost(pod, ip, target.port);
}

/** All endpoints of a cluster as a caller has it. */
export function endpointsOf(side: PlanSide, pod: Pod, cluster: string): readonly EndpointIr[] {
  const groups = side.view.cluster(pod, cluster)?.endpoints?.groups ?? [];
  return groups.flatMap(({ localities }) => localities.flatMap(({ endpoints }) => endpoints));
}

/** An address of nobody: of TEST-NET-1 (RFC 5737). */
const nobody = '192.0.2.1';

/** For what egress policies say of it. */
const nobodys: readonly Target[] = [80, 443].map((port) => {
  const name = formatAddress(nobody, port);
  return { host: nobody, port, name: `${name}, an address outside` };
});

/** Every port of every Service on either side, pods behind headless ones, and what is outside. */
export function targetsOf(
  before: PlanSide,
  after: PlanSide,
  classes: readonly CallerClass[],
): readonly Target[] {
  const targets = new Map<string, Target>();
  for (const { services } of [before, after]) {
    for (const service of services) {
      for (const { port, transport } of service.ports) {
        if (transport !== 'TCP' || service.clusterIPs.length === 0) continue;
        const host = `${service.name}.${service.namespace}`;
        const name = `${host}:${String(port)}`;
        targets.set(name, { host, port, name });
      }
    }
  }
  const pods = new Map<string, Target>();
  const served = servedBy(after, classes, targets.values());
  for (const each of classes) addPodTargets(each, pods, served);
  const sorted = [targets, pods].flatMap((each) =>
    [...each.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
  return [...sorted, ...outsideTargets(before, after, classes)];
}

/** What egress lists allow on either side, one call for each entry and port, and what is nobody's. */
function outsideTargets(
  before: PlanSide,
  after: PlanSide,
  classes: readonly CallerClass[],
): readonly Target[] {
  const listeners = new Set(
    classes.flatMap((each) => [
      before.view.outboundListener(each.before),
      after.view.outboundListener(each.after),
    ]),
  );
  const targets = new Map<string, Target>();
  for (const { egress } of listeners) {
    for (const entry of egress.allow) {
      const [address = ''] = entry.kind === 'cidr' ? entry.cidr.split('/') : [];
      const host = entry.kind === 'host' ? entry.host.replace(/^\*/, 'any') : address;
      for (const port of entry.ports ?? [443]) {
        const name = entry.kind === 'host' ? `${host}:${String(port)}` : formatAddress(host, port);
        targets.set(name, { host, port, name: `${name}, outside` });
      }
    }
  }
  return [...[...targets.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), ...nobodys];
}

/** The endpoints that these targets lead to without any route. */
function servedBy(
  side: PlanSide,
  [caller]: readonly CallerClass[],
  targets: Iterable<Target>,
): ReadonlySet<string> {
  const served = new Set<string>();
  if (caller === undefined) return served;
  for (const target of targets) {
    const ip = addressOf(side, target);
    if (ip === undefined) continue;
    for (const wire of ['http', 'tcp'] as const) {
      const name = formatClusterName({ kind: 'address', wire, ip, port: target.port });
      for (const endpoint of endpointsOf(side, caller.after, name)) {
        served.add(formatAddress(endpoint.ip, endpoint.port));
      }
    }
  }
  return served;
}

/** One pod of each class for its ports that no Service leads to: behind headless ones, or for scrapers. */
function addPodTargets(
  { before, after }: CallerClass,
  targets: Map<string, Target>,
  served: ReadonlySet<string>,
): void {
  const [ip] = after.ips;
  if (ip === undefined || ip !== before.ips[0] || !after.isInMesh) return;
  for (const { port } of after.containerPorts) {
    const name = formatAddress(ip, port);
    if (!served.has(name)) targets.set(name, { host: ip, port, name });
  }
}
