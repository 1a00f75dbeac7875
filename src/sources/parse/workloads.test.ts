/** What EndpointSlices, Pods, Namespaces and Nodes mean. */
import { expect, test } from '@jest/globals';
import type { EndpointSlice, Pod } from '../../model/index.js';
import { parseEndpointSlice } from './endpoint-slice.js';
import { parseNamespace } from './namespace.js';
import { parseNode } from './node.js';
import { parsePod } from './pod.js';

const slice = (
  fields: object,
  labels: unknown = { 'kubernetes.io/service-name': 'reviews' },
): unknown => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'reviews-x', namespace: 'shop', labels },
  addressType: 'IPv4',
  ...fields,
});

const pod = (fields: object, metadata: object = {}): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'reviews-1', namespace: 'shop', ...metadata },
  ...fields,
});

function readSlice(fields: object): EndpointSlice {
  const result = parseEndpointSlice(slice(fields));
  if (!result.ok || result.value === undefined) throw new Error(JSON.stringify(result));
  return result.value;
}

function readPod(fields: object, metadata: object = {}): Pod {
  const result = parsePod(pod(fields, metadata));
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value.pod;
}

function refusals(
  result: ReturnType<typeof parseEndpointSlice> | ReturnType<typeof parsePod>,
): unknown {
  return result.ok ? [] : result.error.map(({ code, field }) => [code, field]);
}

test('an EndpointSlice belongs to the Service of its label, in its own namespace', () => {
  const endpoint = { addresses: ['10.0.0.1', '10.0.0.2'], zone: 'a', nodeName: 'n1' };
  expect(readSlice({ endpoints: [endpoint], ports: [{ name: 'http', port: 8080 }] })).toEqual({
    kind: 'EndpointSlice',
    key: 'shop/reviews-x',
    service: 'shop/reviews',
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: [
      {
        address: '10.0.0.1',
        isReady: true,
        isServing: true,
        isTerminating: false,
        zone: 'a',
        nodeName: 'n1',
      },
    ],
  });
});

test.each([
  [undefined, [true, true, false]],
  [{}, [true, true, false]],
  [{ ready: null }, [true, true, false]],
  [{ ready: false }, [false, false, false]],
  [{ ready: false, serving: true, terminating: true }, [false, true, true]],
  [{ ready: true, serving: false }, [true, false, false]],
])('conditions %j mean ready, serving, terminating %j', (conditions, expected) => {
  const [endpoint] = readSlice({ endpoints: [{ addresses: ['10.0.0.1'], conditions }] }).endpoints;
  expect([endpoint?.isReady, endpoint?.isServing, endpoint?.isTerminating]).toEqual(expected);
});

test('an IPv6 address is kept in its canonical form', () => {
  const fields = { addressType: 'IPv6', endpoints: [{ addresses: ['FD00:0:0::00A'] }] };
  expect(readSlice(fields).endpoints[0]?.address).toBe('fd00::a');
});

test('a slice without endpoints or ports is empty', () => {
  expect(readSlice({ endpoints: null, ports: null })).toMatchObject({ endpoints: [], ports: [] });
});

test('a slice of no Service is passed over', () => {
  expect(parseEndpointSlice(slice({}, {}))).toEqual({ ok: true, value: undefined });
});

test('a slice of host names is reported as not supported', () => {
  const fields = { addressType: 'FQDN', endpoints: [{ addresses: ['a.example'] }] };
  expect(refusals(parseEndpointSlice(slice(fields)))).toEqual([['NotImplemented', 'addressType']]);
});

test.each([
  [{ addressType: undefined }, 'addressType'],
  [{ addressType: 'IPv5' }, 'addressType'],
  [{ endpoints: {} }, 'endpoints'],
  [{ endpoints: [null] }, 'endpoints[0]'],
  [{ endpoints: [{}] }, 'endpoints[0].addresses'],
  [{ endpoints: [{ addresses: [] }] }, 'endpoints[0].addresses'],
  [{ endpoints: [{ addresses: ['fd00::1'] }] }, 'endpoints[0].addresses[0]'],
  [{ endpoints: [{ addresses: ['10.0.0'] }] }, 'endpoints[0].addresses[0]'],
  [{ endpoints: [{ addresses: [1] }] }, 'endpoints[0].addresses[0]'],
  [
    { endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: 'yes' } }] },
    'endpoints[0].conditions.ready',
  ],
  [{ endpoints: [{ addresses: ['10.0.0.1'], conditions: true }] }, 'endpoints[0].conditions'],
  [{ ports: [{ port: 'http' }] }, 'ports[0].port'],
])('the slice %j is refused at %s', (fields, field) => {
  expect(refusals(parseEndpointSlice(slice(fields)))).toEqual([['Invalid', field]]);
});

test('a Pod keeps what the mesh uses', () => {
  const fields = {
    spec: {
      serviceAccountName: 'reviews',
      nodeName: 'n1',
      containers: [
        { name: 'app', ports: [{ name: 'web', containerPort: 8080 }, { containerPort: 9000 }] },
        { name: 'dns', ports: [{ containerPort: 53, protocol: 'UDP' }] },
      ],
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      podIPs: [{ ip: '10.0.0.1' }, { ip: 'FD00::1' }],
    },
  };
  const metadata = {
    uid: 'u',
    labels: { app: 'reviews' },
    creationTimestamp: '1970-01-01T00:00:05Z',
  };
  expect(readPod(fields, metadata)).toEqual({
    kind: 'Pod',
    creationTimestampMs: 5000,
    key: 'shop/reviews-1',
    namespace: 'shop',
    name: 'reviews-1',
    uid: 'u',
    labels: { app: 'reviews' },
    serviceAccount: 'reviews',
    nodeName: 'n1',
    ips: ['10.0.0.1', 'fd00::1'],
    isInMesh: false,
    isHostNetwork: false,
    isTerminating: false,
    isFinished: false,
    containerPorts: [{ name: 'web', port: 8080 }, { port: 9000 }],
    unredirectedPorts: [],
    probes: [],
  });
});

test('a Pod from a file has the same uid at every reading, and another than its neighbour', () => {
  expect(readPod({}).uid).toBe(readPod({ spec: {} }).uid);
  expect(readPod({}).uid).not.toBe(readPod({}, { name: 'reviews-2' }).uid);
});

test('podIP stands in for podIPs', () => {
  expect(readPod({ status: { podIP: '10.0.0.9' } }).ips).toEqual(['10.0.0.9']);
});

test.each([
  [
    'a container called skerry-proxy',
    { spec: { containers: [{ name: 'skerry-proxy' }] } },
    {},
    true,
  ],
  [
    'a native sidecar',
    { spec: { initContainers: [{ name: 'skerry-proxy', restartPolicy: 'Always' }] } },
    {},
    true,
  ],
  [
    'an init container that ends',
    { spec: { initContainers: [{ name: 'skerry-proxy' }] } },
    {},
    false,
  ],
  ['the annotation "true"', {}, { annotations: { 'skerry.dev/sidecar': 'true' } }, true],
  ['the annotation "false"', {}, { annotations: { 'skerry.dev/sidecar': 'false' } }, false],
  ['nothing of it', {}, {}, false],
])('a Pod with %s is in the mesh or not', (_, fields, metadata, expected) => {
  expect(readPod(fields, metadata).isInMesh).toBe(expected);
});

test('callers reach excluded ports, and those that the sidecar serves, without the sidecar', () => {
  const metadata = {
    annotations: {
      'skerry.dev/sidecar': 'true',
      'skerry.dev/exclude-inbound-ports': '8081, 9000,x',
    },
  };
  expect(readPod({}, metadata).unredirectedPorts).toEqual([15021, 15090, 8081, 9000]);
});

test('the ports of the sidecar itself are not the workload’s', () => {
  const containers = [{ name: 'skerry-proxy', ports: [{ containerPort: 15001 }] }];
  expect(readPod({ spec: { containers } }).containerPorts).toEqual([]);
});

test.each([
  ['Running', false],
  ['Succeeded', true],
  ['Failed', true],
  [undefined, false],
])('a Pod in phase %s is finished: %s', (phase, expected) => {
  expect(readPod({ status: { phase } }).isFinished).toBe(expected);
});

test('a Pod with a deletion timestamp is terminating', () => {
  expect(readPod({}, { deletionTimestamp: '2025-01-01T00:00:00Z' }).isTerminating).toBe(true);
});

test.each([
  [{ spec: { serviceAccountName: 'a/b' } }, 'spec.serviceAccountName'],
  [{ spec: { hostNetwork: 'yes' } }, 'spec.hostNetwork'],
  [{ spec: { containers: {} } }, 'spec.containers'],
  [{ spec: { containers: ['app'] } }, 'spec.containers[0]'],
  [
    { spec: { containers: [{ ports: [{ containerPort: 'web' }] }] } },
    'spec.containers[0].ports[0].containerPort',
  ],
  [{ status: { podIPs: [{ ip: 'x' }] } }, 'status.podIPs[0].ip'],
  [{ status: { podIP: 1 } }, 'status.podIP'],
  [{ spec: [] }, 'spec'],
])('the Pod %j is refused at %s', (fields, field) => {
  expect(refusals(parsePod(pod(fields)))).toEqual([['Invalid', field]]);
});

test('a Namespace carries the label that selectors rely on', () => {
  const object = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', labels: { env: 'prod' } },
  };
  expect(parseNamespace(object)).toEqual({
    ok: true,
    value: {
      kind: 'Namespace',
      name: 'shop',
      labels: { env: 'prod', 'kubernetes.io/metadata.name': 'shop' },
    },
  });
});

test.each([
  [{ 'topology.kubernetes.io/zone': 'a' }, 'a'],
  [{ 'failure-domain.beta.kubernetes.io/zone': 'b' }, 'b'],
  [{}, undefined],
])('a Node with labels %j is in zone %s', (labels, zone) => {
  const result = parseNode({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels } });
  expect(result.ok ? result.value.zone : result.error).toBe(zone);
});
