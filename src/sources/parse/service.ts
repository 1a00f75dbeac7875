/** Service (core/v1). */
import { fail, leanList, ok, type Result } from '../../lib/index.js';
import { serviceKey, type Diagnostic, type Service, type ServicePort } from '../../model/index.js';
import { canonicalIp } from './address.js';
import {
  child,
  isAbsent,
  readBoolean,
  readChoice,
  readItems,
  readLabels,
  readMap,
  readPort,
  readString,
  refuse,
  requirePresent,
  type Cursor,
} from './cursor.js';
import { openObject, subdomain, type ApiKind } from './header.js';
import { portProtocol } from './port-protocol.js';

/** The API of Services. */
export const serviceApi: ApiKind = {
  group: '',
  version: 'v1',
  kind: 'Service',
  isNamespaced: true,
};

/** Reads a Service; the error lists every field that is wrong. */
export function parseService(object: unknown): Result<Service, readonly Diagnostic[]> {
  const opened = openObject(object, serviceApi);
  if (!opened.ok) return opened;
  const { ref, root, findings, labels, creationTimestampMs } = opened.value;
  const specPlace = child(root, 'spec');
  requirePresent(specPlace);
  const spec = readMap(specPlace) ?? { ...specPlace, value: {} };
  const type = readString(child(spec, 'type'));
  const externalName = type === 'ExternalName' ? readExternalName(spec) : undefined;
  const addresses = type === 'ExternalName' ? noAddresses : readClusterIps(spec);
  const selector = readLabels(child(spec, 'selector'));
  const ports = readItems(child(spec, 'ports')).map(readServicePort);
  checkPortNames(child(spec, 'ports'), ports);
  const service: Service = {
    kind: 'Service',
    key: serviceKey(ref.namespace, ref.name),
    namespace: ref.namespace,
    name: ref.name,
    labels,
    creationTimestampMs,
    ...addresses,
    ...(externalName === undefined ? {} : { externalName }),
    ...(Object.keys(selector).length === 0 ? {} : { selector }),
    ports: leanList(ports.flatMap((port) => port ?? [])),
    publishNotReadyAddresses: readBoolean(child(spec, 'publishNotReadyAddresses')) ?? false,
    // Other values are for other implementations, as the API allows.
    prefersNear: near.includes(readString(child(spec, 'trafficDistribution')) ?? ''),
  };
  return findings.hasErrors() ? fail(findings.list()) : ok(service);
}

/** https://kubernetes.io/docs/concepts/services-networking/service/#traffic-distribution */
const near: readonly string[] = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];

interface Addresses {
  readonly clusterIPs: readonly string[];
  readonly isHeadless: boolean;
}

const noAddresses: Addresses = { clusterIPs: [], isHeadless: false };

function readClusterIps(spec: Cursor): Addresses {
  const single = child(spec, 'clusterIP');
  const list = readItems(child(spec, 'clusterIPs'));
  const places = list.length > 0 ? list : [single];
  const texts = places.map((place) => ({ place, text: readString(place) ?? '' }));
  // The API server keeps clusterIP equal to clusterIPs[0]; a file may give either.
  if (texts.some(({ text }) => text === 'None') || single.value === 'None') {
    return { clusterIPs: [], isHeadless: true };
  }
  const clusterIPs: string[] = [];
  for (const { place, text } of texts) {
    if (text === '') continue;
    const ip = canonicalIp(text);
    if (ip === undefined) refuse(place, 'expected an IP address or None');
    else if (!clusterIPs.includes(ip)) clusterIPs.push(ip);
  }
  return { clusterIPs: leanList(clusterIPs), isHeadless: false };
}

function readExternalName(spec: Cursor): string | undefined {
  const place = child(spec, 'externalName');
  requirePresent(place);
  const name = readString(place)?.toLowerCase().replace(/\.$/, '');
  if (name === undefined) return undefined;
  if (name.length <= 253 && subdomain.test(name)) return name;
  refuse(place, 'expected the name of a host');
  return undefined;
}

function readServicePort(place: Cursor): ServicePort | undefined {
  const map = readMap(place);
  if (map === undefined) {
    requirePresent(place);
    return undefined;
  }
  requirePresent(child(map, 'port'));
  const port = readPort(child(map, 'port'));
  const name = readString(child(map, 'name')) ?? '';
  const transport = readChoice(child(map, 'protocol'), ['TCP', 'UDP', 'SCTP']) ?? 'TCP';
  const targetPort = readTargetPort(child(map, 'targetPort'));
  const protocol = portProtocol(name, readString(child(map, 'appProtocol')));
  if (port === undefined) return undefined;
  return {
    name,
    port,
    transport,
    ...(targetPort === undefined ? {} : { targetPort }),
    protocol,
  };
}

function readTargetPort(place: Cursor): number | string | undefined {
  // The API reads 0 and the empty string as absent.
  if (isAbsent(place) || place.value === 0 || place.value === '') return undefined;
  if (typeof place.value !== 'string') return readPort(place);
  // IANA service names, which container ports are called by: RFC 6335, section 5.1.
  if (/^(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/.test(place.value)) return place.value;
  refuse(place, 'expected a port number, or the name of a container port');
  return undefined;
}

function checkPortNames(place: Cursor, ports: readonly (ServicePort | undefined)[]): void {
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    if (port === undefined) continue;
    const at = child(place, index);
    if (ports.length > 1 && port.name === '') {
      refuse(child(at, 'name'), 'a Service with several ports must name each of them');
    } else if (names.has(port.name)) {
      refuse(child(at, 'name'), 'expected a name that no other port of this Service has');
    }
    const number = `${port.transport} ${port.port}`;
    if (numbers.has(number)) {
      refuse(child(at, 'port'), 'expected a number that no other port of this Service has');
    }
    names.add(port.name);
    numbers.add(number);
  }
}
