/** EndpointSlice (discovery.k8s.io/v1). */
import { fail, leanList, ok, type Result } from '../../lib/index.js';
import {
  serviceKey,
  sliceKey,
  type Diagnostic,
  type EndpointSlice,
  type SliceEndpoint,
} from '../../model/index.js';
import { canonicalIp, ipFamily } from './address.js';
import {
  child,
  isAbsent,
  readBoolean,
  readChoice,
  readItems,
  readMap,
  readPort,
  readString,
  refuse,
  requirePresent,
  type Cursor,
} from './cursor.js';
import { openObject, subdomain, type ApiKind } from './header.js';

/** The API of EndpointSlices. */
export const endpointSliceApi: ApiKind = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  isNamespaced: true,
};

/** Reads an EndpointSlice; undefined for one that belongs to no Service. */
export function parseEndpointSlice(
  object: unknown,
): Result<EndpointSlice | undefined, readonly Diagnostic[]> {
  const opened = openObject(object, endpointSliceApi);
  if (!opened.ok) return opened;
  const { ref, root, findings, labels } = opened.value;
  const serviceName = labels['kubernetes.io/service-name'];
  if (serviceName === undefined || serviceName === '') {
    return findings.hasErrors() ? fail(findings.list()) : ok(undefined);
  }
  if (!subdomain.test(serviceName)) {
    const place = child(child(child(root, 'metadata'), 'labels'), 'kubernetes.io/service-name');
    refuse(place, 'expected the name of a Service');
  }
  const addressType = readAddressType(child(root, 'addressType'));
  const ports = readItems(child(root, 'ports')).flatMap(readSlicePort);
  const endpoints = readItems(child(root, 'endpoints')).flatMap((place) =>
    readEndpoint(place, addressType),
  );
  if (findings.hasErrors() || addressType === undefined) return fail(findings.list());
  return ok({
    kind: 'EndpointSlice',
    key: sliceKey(ref.namespace, ref.name),
    service: serviceKey(ref.namespace, serviceName),
    addressType,
    ports: leanList(ports),
    endpoints: leanList(endpoints),
  });
}

function readAddressType(place: Cursor): 'IPv4' | 'IPv6' | undefined {
  requirePresent(place);
  if (place.value === 'FQDN') {
    place.findings.add({
      code: 'NotImplemented',
      path: place.path,
      value: place.value,
      message: 'endpoints given as host names are not supported',
      remedy: 'use a Service of type ExternalName, or list IP addresses',
    });
    return undefined;
  }
  return readChoice(place, ['IPv4', 'IPv6']);
}

/** A port without a number means no port that a client could call. */
function readSlicePort(place: Cursor): readonly { readonly name: string; readonly port: number }[] {
  const map = readMap(place);
  if (map === undefined) return [];
  const name = readString(child(map, 'name')) ?? '';
  const port = readPort(child(map, 'port'));
  return port === undefined ? [] : [{ name, port }];
}

function readEndpoint(
  place: Cursor,
  addressType: 'IPv4' | 'IPv6' | undefined,
): readonly SliceEndpoint[] {
  const map = readMap(place);
  if (map === undefined) {
    requirePresent(place);
    return [];
  }
  const address = readFirstAddress(child(map, 'addresses'), addressType);
  const conditions = child(map, 'conditions');
  const open = readMap(conditions) ?? { ...conditions, value: {} };
  // discovery/v1: ready unknown counts as true; serving unknown counts as ready.
  const isReady = readBoolean(child(open, 'ready')) ?? true;
  const isServing = readBoolean(child(open, 'serving')) ?? isReady;
  const isTerminating = readBoolean(child(open, 'terminating')) ?? false;
  const zone = readString(child(map, 'zone'));
  const nodeName = readString(child(map, 'nodeName'));
  if (address === undefined) return [];
  return [
    {
      address,
      isReady,
      isServing,
      isTerminating,
      ...(zone === undefined ? {} : { zone }),
      ...(nodeName === undefined ? {} : { nodeName }),
    },
  ];
}

function readFirstAddress(
  list: Cursor,
  addressType: 'IPv4' | 'IPv6' | undefined,
): string | undefined {
  const first = readItems(list)[0];
  if (first === undefined || isAbsent(first)) {
    if (isAbsent(list) || Array.isArray(list.value)) refuse(list, 'expected at least one address');
    return undefined;
  }
  const text = readString(first);
  if (addressType === undefined || text === undefined) return undefined;
  const ip = canonicalIp(text);
  if (ip !== undefined && ipFamily(ip) === addressType) return ip;
  refuse(first, `expected an ${addressType} address`);
  return undefined;
}
