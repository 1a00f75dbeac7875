/** What a Service means, and what of it is refused. */
import { expect, test } from '@jest/globals';
import type { Service } from '../../model/index.js';
import { parseService } from './service.js';

const service = (spec: unknown, metadata: object = {}): unknown => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'reviews', namespace: 'shop', ...metadata },
  spec,
});

function read(spec: unknown, metadata: object = {}): Service {
  const result = parseService(service(spec, metadata));
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function fieldsRefused(spec: unknown, metadata: object = {}): readonly (string | undefined)[] {
  const result = parseService(service(spec, metadata));
  return result.ok ? [] : result.error.map(({ field }) => field);
}

test('a Service keeps what the mesh uses and nothing else', () => {
  const spec = {
    clusterIP: '10.96.0.1',
    clusterIPs: ['10.96.0.1', 'FD00:0::1'],
    selector: { app: 'reviews' },
    sessionAffinity: 'None',
    somethingNew: [1, 2],
    ports: [{ name: 'http', port: 80, targetPort: 'web', nodePort: 30080 }],
  };
  expect(read(spec, { labels: { team: 'a' }, creationTimestamp: '1970-01-01T00:00:05Z' })).toEqual({
    kind: 'Service',
    key: 'shop/reviews',
    namespace: 'shop',
    name: 'reviews',
    labels: { team: 'a' },
    creationTimestampMs: 5000,
    clusterIPs: ['10.96.0.1', 'fd00::1'],
    isHeadless: false,
    selector: { app: 'reviews' },
    ports: [{ name: 'http', port: 80, transport: 'TCP', targetPort: 'web', protocol: 'http' }],
    publishNotReadyAddresses: false,
    prefersNear: false,
  });
});

test('a Service without a namespace is in default', () => {
  expect(read({}, { namespace: undefined }).key).toBe('default/reviews');
});

test('a Service with clusterIP None is headless', () => {
  expect(read({ clusterIP: 'None' })).toMatchObject({ isHeadless: true, clusterIPs: [] });
});

test('an ExternalName Service has a host in lower case and no addresses', () => {
  const spec = { type: 'ExternalName', externalName: 'Db.Example.COM.', clusterIP: '' };
  expect(read(spec)).toMatchObject({
    externalName: 'db.example.com',
    clusterIPs: [],
    isHeadless: false,
  });
});

test('an empty selector is no selector', () => {
  expect(read({ selector: {} }).selector).toBeUndefined();
});

test('a target port of 0 is absent', () => {
  expect(read({ ports: [{ port: 80, targetPort: 0 }] }).ports[0]).not.toHaveProperty('targetPort');
});

test.each([
  ['', 'http', 'http'],
  ['', 'HTTP', 'http'],
  ['', 'kubernetes.io/h2c', 'http2'],
  ['', 'kubernetes.io/ws', 'http'],
  ['', 'kubernetes.io/wss', 'tls'],
  ['', 'https', 'tls'],
  ['', 'grpc', 'grpc'],
  ['', 'mysql', 'tcp'],
  ['', 'redis', 'tcp'],
  ['http', 'tcp', 'tcp'],
  ['http', 'example.com/own', 'sniff'],
  ['http', '', 'http'],
  ['http', undefined, 'http'],
  ['http-web', undefined, 'http'],
  ['http2-web', undefined, 'http2'],
  ['grpc-web', undefined, 'grpc'],
  ['grpc-reviews', undefined, 'grpc'],
  ['https', undefined, 'tls'],
  ['tls-x', undefined, 'tls'],
  ['mysql', undefined, 'tcp'],
  ['mongo-main', undefined, 'tcp'],
  ['postgres', undefined, 'tcp'],
  ['httpd', undefined, 'sniff'],
  ['web', undefined, 'sniff'],
  ['', undefined, 'sniff'],
])('a port called %j with appProtocol %j carries %s', (name, appProtocol, protocol) => {
  expect(read({ ports: [{ name, appProtocol, port: 80 }] }).ports[0]?.protocol).toBe(protocol);
});

test.each(['UDP', 'SCTP'])('a %s port is kept with its transport', (protocol) => {
  expect(read({ ports: [{ port: 53, protocol }] }).ports[0]?.transport).toBe(protocol);
});

test.each([
  [{ clusterIP: 'nonsense' }, 'spec.clusterIP'],
  [{ clusterIP: 7 }, 'spec.clusterIP'],
  [{ clusterIPs: ['10.0.0.1', '10.0.0.256'] }, 'spec.clusterIPs[1]'],
  [{ clusterIPs: ['010.0.0.1'] }, 'spec.clusterIPs[0]'],
  [{ clusterIPs: ['fe80::1%eth0'] }, 'spec.clusterIPs[0]'],
  [{ clusterIPs: '10.0.0.1' }, 'spec.clusterIPs'],
  [{ ports: 80 }, 'spec.ports'],
  [{ ports: [80] }, 'spec.ports[0]'],
  [{ ports: [null] }, 'spec.ports[0]'],
  [{ ports: [{}] }, 'spec.ports[0].port'],
  [{ ports: [{ port: '80' }] }, 'spec.ports[0].port'],
  [{ ports: [{ port: 65536 }] }, 'spec.ports[0].port'],
  [{ ports: [{ port: 80.5 }] }, 'spec.ports[0].port'],
  [{ ports: [{ port: 80, name: 1 }] }, 'spec.ports[0].name'],
  [{ ports: [{ port: 80, protocol: 'ICMP' }] }, 'spec.ports[0].protocol'],
  [{ ports: [{ port: 80, targetPort: -1 }] }, 'spec.ports[0].targetPort'],
  [{ ports: [{ port: 80, targetPort: '8080' }] }, 'spec.ports[0].targetPort'],
  [{ ports: [{ port: 80, targetPort: {} }] }, 'spec.ports[0].targetPort'],
  [{ ports: [{ port: 80 }, { port: 81, name: 'b' }] }, 'spec.ports[0].name'],
  [{ selector: { app: 1 } }, 'spec.selector.app'],
  [{ selector: ['app'] }, 'spec.selector'],
  [{ publishNotReadyAddresses: 'true' }, 'spec.publishNotReadyAddresses'],
  [{ type: 'ExternalName' }, 'spec.externalName'],
  [{ type: 'ExternalName', externalName: 'a b' }, 'spec.externalName'],
  [{ type: ['ExternalName'] }, 'spec.type'],
  ['text', 'spec'],
  [undefined, 'spec'],
])('the spec %j is refused at %s', (spec, field) => {
  expect(fieldsRefused(spec)).toEqual([field]);
});

test('two ports with one name or one number are refused', () => {
  const ports = [
    { name: 'a', port: 80 },
    { name: 'a', port: 81 },
    { name: 'b', port: 80 },
  ];
  expect(fieldsRefused({ ports })).toEqual(['spec.ports[1].name', 'spec.ports[2].port']);
});

test('the same number may be used once by TCP and once by UDP', () => {
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53 },
  ];
  expect(read({ ports }).ports).toHaveLength(2);
});

test('everything that is wrong is found at once', () => {
  const spec = { clusterIP: 'x', ports: [{ port: 0 }, { port: 'x', name: 3 }], selector: 1 };
  expect(fieldsRefused(spec, { labels: { a: null, b: 1 } })).toEqual([
    'metadata.labels.b',
    'spec.clusterIP',
    'spec.selector',
    'spec.ports[0].port',
    'spec.ports[1].port',
    'spec.ports[1].name',
  ]);
});

test('a finding carries the value found and a remedy', () => {
  const result = parseService(service({ clusterIP: 'nonsense' }));
  expect(result.ok ? [] : result.error).toEqual([
    {
      code: 'Invalid',
      severity: 'error',
      object: { group: '', kind: 'Service', namespace: 'shop', name: 'reviews' },
      field: 'spec.clusterIP',
      value: '"nonsense"',
      message: 'expected an IP address or None',
      remedy: expect.stringMatching(/^mend the field/),
    },
  ]);
});

test('an object of another version is refused at apiVersion', () => {
  const result = parseService({ ...(service({}) as object), apiVersion: 'v2' });
  expect(result.ok ? [] : result.error.map(({ field }) => field)).toEqual(['apiVersion']);
});
