/** The outbound listener: which ports are not read. */
import type { Read } from '../../graph/index.js';
import type { EgressIr, OutboundListenerIr } from '../../ir/index.js';
import type { Service } from '../../model/index.js';
import type { PolicyHead } from './attach.js';
import { mayCarryHttp } from './called-host.js';
import { isOwnPod, type EndpointGroup } from './endpoint-group.js';
import type { Finding } from './finding.js';
import { matchesNamespace } from './labels.js';
import type { PolicyTables, ProtocolTables } from './tables.js';

/** Addresses that are called on one port number and declared HTTP. */
export interface HttpDeclaration {
  readonly port: number;
  readonly ips: readonly string[];
}

/** What is the same for every listener. */
export interface ListenerSettings {
  readonly layout: OutboundListenerIr['layout'];
  readonly meshCidrs: readonly string[];
}

interface Called {
  readonly port: number;
  readonly ips: readonly string[];
}

/** The numbers on which a port of the Service is really called, and the addresses there. */
function calledPorts(
  service: Service,
  group: EndpointGroup | undefined,
  keeps: (port: Service['ports'][number]) => boolean,
): readonly Called[] {
  return service.ports.flatMap((port): Called[] => {
    if (port.transport !== 'TCP' || !keeps(port)) return [];
    if (!service.isHeadless) return [{ port: port.port, ips: service.clusterIPs }];
    const endpoints = group?.ports.find(({ name }) => name === port.name)?.endpoints ?? [];
    const numbers = new Set(endpoints.map((endpoint) => endpoint.port));
    if (typeof port.targetPort !== 'string') numbers.add(port.targetPort ?? port.port);
    return [...numbers].map((number) => ({
      port: number,
      ips: endpoints
        .filter((endpoint) => endpoint.port === number && isOwnPod(service.key, endpoint))
        .map(({ ip }) => ip),
    }));
  });
}

/** Port numbers on which the Service is declared TCP or TLS; undefined when there is none. */
export function toOpaqueDeclaration(
  service: Service,
  read: Read,
  tables: PolicyTables,
): readonly number[] | undefined {
  const group = service.isHeadless ? read.get(tables.groups, service.key) : undefined;
  const ports = calledPorts(service, group, ({ protocol }) => !mayCarryHttp(protocol));
  if (service.externalName !== undefined || ports.length === 0) return undefined;
  return [...new Set(ports.map(({ port }) => port))].sort((a, b) => a - b);
}

/** The Service's addresses that are declared HTTP, one row per port number. */
export function* toHttpDeclarations(
  service: Service,
  read: Read,
  tables: PolicyTables,
): Iterable<readonly [string, HttpDeclaration]> {
  if (service.externalName !== undefined) return;
  const group = service.isHeadless ? read.get(tables.groups, service.key) : undefined;
  const called = calledPorts(
    service,
    group,
    ({ protocol }) => mayCarryHttp(protocol) && protocol !== 'sniff',
  );
  for (const declaration of called) {
    if (declaration.ips.length > 0)
      yield [`${service.key} ${String(declaration.port)}`, declaration];
  }
}

/** Every port number that some Service declares TCP; sorted. */
export function mergeOpaquePorts(
  declarations: ReadonlyMap<string, readonly number[]>,
): readonly number[] {
  return [...new Set([...declarations.values()].flat())].sort((a, b) => a - b);
}

/** A Service with ports that declare nothing, on numbers that elsewhere carry TCP. */
export function findMixedPorts(service: Service, opaque: readonly number[]): readonly Finding[] {
  return service.ports.flatMap(({ name, port, protocol, transport }, index): Finding[] => {
    if (transport !== 'TCP' || protocol !== 'sniff' || !opaque.includes(port)) return [];
    return [
      {
        object: `Service ${service.key}`,
        code: 'MixedPortProtocol',
        severity: 'warning',
        field: `spec.ports[${String(index)}]`,
        value: name === '' ? String(port) : name,
        message: `another Service declares port ${String(port)} as TCP, so this one, which declares nothing, is treated as TCP by callers`,
      },
    ];
  });
}

/** The namespaces that a policy speaks of by themselves, each as its own key. */
export function* namespacesOf(
  policy: PolicyHead,
  read: Read,
  tables: Pick<PolicyTables, 'namespaces'>,
): Iterable<readonly [string, string]> {
  for (const target of policy.targets) {
    if (target.kind !== 'Namespace') continue;
    const { selector } = target;
    if (selector === undefined) {
      yield [policy.namespace, policy.namespace];
      continue;
    }
    for (const namespace of read.all(tables.namespaces).values()) {
      if (matchesNamespace(selector, namespace)) yield [namespace.name, namespace.name];
    }
  }
}

/** The outbound listener under an egress decision. */
export function toOutboundListener(
  egress: EgressIr,
  read: Read,
  tables: ProtocolTables,
  settings: ListenerSettings,
): OutboundListenerIr {
  const opaquePorts = read.get(tables.opaquePorts, 'mesh') ?? [];
  const httpOnOpaquePorts = opaquePorts.flatMap((port) => {
    const declarations = read.find(tables.httpByPort, String(port));
    const ips = [...new Set(declarations.flatMap((declaration) => declaration.ips))].sort();
    return ips.length === 0 ? [] : [{ port, ips }];
  });
  return {
    layout: settings.layout,
    opaquePorts,
    httpOnOpaquePorts,
    meshCidrs: settings.meshCidrs,
    egress,
  };
}
