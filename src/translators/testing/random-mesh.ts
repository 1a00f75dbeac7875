/** Random meshes and random histories of their objects, out of small pools so that things meet. */
import fc from 'fast-check';
import {
  podKey,
  serviceKey,
  sliceKey,
  type EndpointSlice,
  type Namespace,
  type Node,
  type Pod,
  type Probe,
  type Service,
} from '../../model/index.js';
import type { PipelineChanges } from '../index.js';
import { keySet, policy } from './random-policy.js';
import { caBundle } from './random-settings.js';
import { age, labels, namespace, one, serviceName } from './random-pools.js';

const vips = ['10.96.0.1', '10.96.0.2', '10.96.0.3', 'fd00::96:1'] as const;
const podIps = ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4', 'fd00::1'] as const;
const podNames = ['p', 'q', 'r'] as const;

const service: fc.Arbitrary<Service> = fc
  .record({
    namespace,
    name: serviceName,
    shape: one('vip', 'vip', 'vip', 'dual', 'headless', 'headless', 'alias', 'host'),
    vip: one(...vips),
    creationTimestampMs: age,
    publishNotReadyAddresses: fc.boolean(),
    prefersNear: fc.boolean(),
    first: one('http', 'http', 'sniff', 'tcp', 'grpc', 'tls', 'http2'),
    second: fc.option(one('http', 'tcp', 'sniff')),
    port: one(80, 81),
    target: serviceName,
  })
  .map(({ shape, vip, first, second, port, target, ...rest }) => ({
    kind: 'Service',
    key: serviceKey(rest.namespace, rest.name),
    ...rest,
    labels: {},
    clusterIPs: shape === 'vip' ? [vip] : shape === 'dual' ? [vip, 'fd00::96:2'] : [],
    isHeadless: shape === 'headless',
    ...(shape === 'alias' ? { externalName: `${target}.a.svc.cluster.local` } : {}),
    ...(shape === 'host' ? { externalName: 'api.example.com' } : {}),
    ports: [
      { name: 'one', port, transport: 'TCP' as const, protocol: first },
      ...(second === null
        ? []
        : [{ name: 'two', port: 8080, transport: 'TCP' as const, protocol: second }]),
    ],
  }));

const slice: fc.Arbitrary<EndpointSlice> = fc
  .record({
    namespace,
    service: serviceName,
    suffix: one('1', '2'),
    addressType: one('IPv4', 'IPv6'),
    ports: fc.uniqueArray(fc.record({ name: one('one', 'two'), port: one(8080, 8081, 3306) }), {
      selector: ({ name }) => name,
      maxLength: 2,
    }),
    endpoints: fc.array(
      fc.record(
        {
          address: one(...podIps, '192.168.0.1'),
          isReady: fc.boolean(),
          isServing: fc.boolean(),
          isTerminating: fc.boolean(),
          zone: one('z1', 'z2'),
          nodeName: one('n1', 'n2'),
        },
        { requiredKeys: ['address', 'isReady', 'isServing', 'isTerminating'] },
      ),
      { maxLength: 4 },
    ),
  })
  .map(({ namespace: own, service: name, suffix, ...rest }) => ({
    kind: 'EndpointSlice',
    key: sliceKey(own, `${name}-${suffix}`),
    service: serviceKey(own, name),
    ...rest,
  }));

const anyProbe = { container: 'app', port: 8080, timeoutMs: 1000, periodMs: 10_000 } as const;
const probes: Probe[] = [
  { ...anyProbe, kind: 'livenessProbe', check: { kind: 'tcp' } },
  {
    ...anyProbe,
    kind: 'readinessProbe',
    check: { kind: 'http', scheme: 'http', path: '/', headers: [] },
  },
];

const pod: fc.Arbitrary<Pod> = fc
  .record({
    namespace,
    name: one(...podNames),
    serviceAccount: one('sa', 'other'),
    labels,
    ips: fc.uniqueArray(one(...podIps), { maxLength: 2 }),
    isInMesh: fc.boolean(),
    isHostNetwork: fc.nat({ max: 9 }).map((value) => value === 0),
    isTerminating: fc.boolean(),
    isFinished: fc.nat({ max: 5 }).map((value) => value === 0),
    creationTimestampMs: age,
    uid: one('u1', 'u2'),
    probes: fc.subarray(probes),
    nodeName: one('n1', 'n2', undefined),
  })
  .map(({ nodeName, ...fields }) => ({
    kind: 'Pod',
    key: podKey(fields.namespace, fields.name),
    ...fields,
    ...(nodeName === undefined ? {} : { nodeName }),
    containerPorts: [],
    unredirectedPorts: [],
  }));

const clusterName = fc.oneof(
  fc
    .record({
      wire: one('http', 'tcp'),
      ip: one(...vips, ...podIps, '192.0.2.1'),
      port: one(80, 81, 8080),
    })
    .map(({ wire, ip, port }) => `${wire}|${ip.includes(':') ? `[${ip}]` : ip}:${String(port)}`),
  fc
    .record({ namespace, name: serviceName, subset: one('', '|app=x') })
    .map(({ namespace: own, name, subset }) => `http|${own}/${name}:80${subset}`),
);

const namespaceRow: fc.Arbitrary<Namespace> = fc.record({
  kind: fc.constant('Namespace' as const),
  name: namespace,
  labels,
});

const nodeRow: fc.Arbitrary<Node> = fc.record(
  { kind: fc.constant('Node' as const), name: one('n1', 'n2'), zone: one('z1', 'z3') },
  { requiredKeys: ['kind', 'name'] },
);

/** One write. */
interface Write {
  readonly collection: keyof PipelineChanges;
  readonly key: string;
  readonly value: unknown;
}

function writes<V>(
  collection: keyof PipelineChanges,
  rows: fc.Arbitrary<V>,
  keyOf: (row: V) => string,
): fc.Arbitrary<Write> {
  return fc
    .tuple(rows, fc.nat({ max: 9 }))
    .map(([row, fate]) => ({ collection, key: keyOf(row), value: fate === 0 ? undefined : row }));
}

const write: fc.Arbitrary<Write> = fc.oneof(
  writes('services', service, ({ key }) => key),
  writes('services', service, ({ key }) => key),
  writes('slices', slice, ({ key }) => key),
  writes('slices', slice, ({ key }) => key),
  writes('pods', pod, ({ key }) => key),
  writes('pods', pod, ({ key }) => key),
  writes('policies', policy, ({ key }) => key),
  writes('policies', policy, ({ key }) => key),
  writes('policies', policy, ({ key }) => key),
  writes('namespaces', namespaceRow, ({ name }) => name),
  writes('nodes', nodeRow, ({ name }) => name),
  writes('keySets', keySet, ({ key }) => key),
  writes('caBundles', caBundle, ({ key }) => key),
  clusterName.map((name): Write => ({ collection: 'demand', key: name, value: true })),
  fc.tuple(namespace, clusterName).map(([own, name]): Write => ({
    collection: 'namespaceDemand',
    key: `${own}|${name}`,
    value: true,
  })),
);

/** Batches of writes, in order. */
export const history: fc.Arbitrary<readonly PipelineChanges[]> = fc
  .array(fc.array(write, { minLength: 4, maxLength: 16, size: 'max' }), {
    minLength: 2,
    maxLength: 8,
    size: 'max',
  })
  .map((batches) => batches.map(toChanges));

/** One batch that makes a mesh of many objects. */
export const wholeMesh: fc.Arbitrary<PipelineChanges> = fc
  .array(write, { minLength: 40, maxLength: 80, size: 'max' })
  .map(toChanges);

function toChanges(batch: readonly Write[]): PipelineChanges {
  const changes: Record<string, Map<string, unknown>> = {};
  for (const { collection, key, value } of batch) {
    (changes[collection] ??= new Map()).set(key, value);
    // What some sidecar of a namespace asks for, some sidecar asks for.
    if (collection !== 'namespaceDemand') continue;
    (changes['demand'] ??= new Map()).set(key.slice(key.indexOf('|') + 1), value);
  }
  return changes;
}

/** What is left of a history, as one batch. */
export function settle(batches: readonly PipelineChanges[]): PipelineChanges {
  const settled: Record<string, Map<string, unknown>> = {};
  for (const batch of batches) {
    for (const [collection, rows] of Object.entries(batch) as [string, Map<string, unknown>][]) {
      for (const [key, value] of rows) (settled[collection] ??= new Map()).set(key, value);
    }
  }
  return settled;
}
