/** What the name of a cluster stands for: a Service's endpoints, one address, a host, or nothing. */
import type { Read } from '../../graph/index.js';
import { formatAddress, parseClusterName, type ClusterName, type Origin } from '../../ir/index.js';
import { serviceKey, type Labels, type Service, type ServiceKey } from '../../model/index.js';
import { familyOf, type Family } from './address.js';
import type { EndpointTables, SourceTables } from './tables.js';
import type { AddressOwner } from './workload.js';

/** Where calls to a name go. */
export type Destination =
  /** The endpoints of a Service's port. */
  | {
      readonly kind: 'group';
      readonly service: ServiceKey;
      readonly port: number;
      /** Absent: whichever the endpoints have, IPv4 first. */
      readonly family?: Family;
      readonly subset: Labels;
    }
  /** One pod, called by its own address. */
  | {
      readonly kind: 'pod';
      readonly owner: AddressOwner;
      readonly ip: string;
      readonly port: number;
    }
  /** One endpoint of a Service that no pod owns. */
  | {
      readonly kind: 'outside';
      readonly service: ServiceKey;
      readonly ip: string;
      readonly port: number;
    }
  | {
      readonly kind: 'dns';
      readonly service: ServiceKey;
      readonly hostname: string;
      readonly port: number;
    }
  /** Known to lead nowhere. */
  | { readonly kind: 'nowhere'; readonly services: readonly ServiceKey[] };

/** What decides how names are read. */
export interface NamingSettings {
  readonly clusterDomain: string;
}

/**
 * What `name` stands for; undefined for an address that nobody in the mesh has, which the caller's
 * egress mode decides. Text that is no cluster name leads nowhere.
 */
export function resolveClusterName(
  name: string,
  read: Read,
  tables: EndpointTables,
  settings: NamingSettings,
): Destination | undefined {
  const parsed = parseClusterName(name);
  if (parsed === undefined) return { kind: 'nowhere', services: [] };
  return parsed.kind === 'address'
    ? resolveAddress(parsed, read, tables)
    : resolveService(parsed, read, tables, settings);
}

/** The Service that has `ip` as its virtual IP: of several the oldest. */
export function vipOwner(
  ip: string,
  read: Read,
  tables: Pick<SourceTables, 'servicesByVip'>,
): Service | undefined {
  return [...read.find(tables.servicesByVip, ip)].sort(
    (a, b) => a.creationTimestampMs - b.creationTimestampMs || (a.key < b.key ? -1 : 1),
  )[0];
}

/** Whether the Service has this TCP port. */
export function hasTcpPort(service: Service, port: number): boolean {
  return service.ports.some((own) => own.transport === 'TCP' && own.port === port);
}

function resolveAddress(
  { ip, port }: Extract<ClusterName, { kind: 'address' }>,
  read: Read,
  tables: EndpointTables,
): Destination | undefined {
  const vip = read.get(tables.vips, ip);
  const service = vip === undefined ? undefined : read.get(tables.services, vip);
  if (service !== undefined) {
    return hasTcpPort(service, port)
      ? { kind: 'group', service: service.key, port, family: familyOf(ip), subset: {} }
      : { kind: 'nowhere', services: [service.key] };
  }
  const owner = read.get(tables.owners, ip);
  if (owner !== undefined) return { kind: 'pod', owner, ip, port };
  const outside = read.get(tables.outsideAddresses, formatAddress(ip, port));
  return outside === undefined ? undefined : { kind: 'outside', service: outside, ip, port };
}

/** Longest chain of ExternalName Services that is followed. */
const maxAliases = 8;

function resolveService(
  name: Extract<ClusterName, { kind: 'service' }>,
  read: Read,
  tables: EndpointTables,
  settings: NamingSettings,
): Destination {
  const { port, subset } = name;
  const passed: ServiceKey[] = [];
  let key = name.service;
  while (passed.length < maxAliases) {
    passed.push(key);
    const service = read.get(tables.services, key);
    if (service === undefined) break;
    if (service.externalName === undefined) {
      if (!hasTcpPort(service, port)) break;
      const [vip] = service.clusterIPs;
      return {
        kind: 'group',
        service: key,
        port,
        ...(vip === undefined ? {} : { family: familyOf(vip) }),
        subset,
      };
    }
    const alias = serviceNamed(service.externalName, settings);
    if (alias === undefined || read.get(tables.services, alias) === undefined) {
      return { kind: 'dns', service: key, hostname: service.externalName, port };
    }
    key = alias;
  }
  return { kind: 'nowhere', services: passed };
}

/** The Service behind `name.namespace.svc[.cluster.local][.]`; undefined for any other host. */
function serviceNamed(hostname: string, { clusterDomain }: NamingSettings): ServiceKey | undefined {
  const host = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  const suffix = `.${clusterDomain}`;
  const local = host.endsWith(suffix) ? host.slice(0, -suffix.length) : host;
  const [name, namespace, svc, ...rest] = local.split('.');
  if (name === undefined || namespace === undefined || svc !== 'svc' || rest.length > 0) {
    return undefined;
  }
  return serviceKey(namespace, name);
}

/** The objects that a destination comes from. */
export function originsOf(destination: Destination): readonly Origin[] {
  switch (destination.kind) {
    case 'group':
    case 'outside':
    case 'dns':
      return [{ object: `Service ${destination.service}` }];
    case 'pod':
      return [{ object: `Pod ${destination.owner.pod}` }];
    case 'nowhere':
      return destination.services.map((service) => ({ object: `Service ${service}` }));
  }
}
