/** What the pipeline hands out, and what it lets others read. */
import { expect, test } from '@jest/globals';
import type { PipelineResult } from './index.js';
import { aPod, aPolicy, aService, aSlice, compile, toBatch } from './testing/mesh-builder.js';

const cart = aPod('cart', { ips: ['10.1.0.1'], labels: { app: 'cart' } });
const client = aPod('client', { namespace: 'web', ips: ['10.1.0.9'] });
const plain = aPod('plain', { isInMesh: false, ips: ['10.1.0.8'] });
const world = [cart, client, plain, aService('cart'), aSlice('cart', ['10.1.0.1'])];
const vip = 'http|10.96.0.1:80';
const routed = aPolicy('routed', {
  targets: [{ kind: 'Service', namespace: 'shop', name: 'cart' }],
  routes: [{ name: 'r', matches: [], backends: [] }],
});

function texts({ resources }: PipelineResult): readonly string[] {
  return resources.map(({ scope, name, typeUrl, resource }) => {
    const state = resource === undefined ? 'gone' : resource.isEager ? 'eager' : 'asked';
    return `${scope} ${typeUrl.split('.').pop() ?? ''} ${name} ${state}`;
  });
}

test('a demanded cluster that a route comes to need becomes eager and is never gone', () => {
  const pipeline = compile(...world);
  const asked = pipeline.apply({ demand: new Map([[vip, true]]) });
  expect(texts(asked)).toEqual([
    `mesh Cluster ${vip} asked`,
    `mesh ClusterLoadAssignment ${vip} asked`,
  ]);
  expect(texts(pipeline.apply(toBatch([routed])))).toEqual([
    `mesh Cluster ${vip} eager`,
    `mesh ClusterLoadAssignment ${vip} eager`,
    'mesh VirtualHost http/10.96.0.1:80 eager',
  ]);
  const back = pipeline.apply({ policies: new Map([[routed.key, undefined]]) });
  expect(texts(back)).toEqual([
    `mesh Cluster ${vip} asked`,
    `mesh ClusterLoadAssignment ${vip} asked`,
    'mesh VirtualHost http/10.96.0.1:80 gone',
  ]);
});

test('an unknown address that becomes a pod passes from the namespace to the mesh in one batch', () => {
  const pipeline = compile(...world);
  const name = 'tcp|10.1.0.7:9000';
  const demand = new Map([[name, true as const]]);
  const namespaceDemand = new Map([[`web|${name}`, true as const]]);
  expect(texts(pipeline.apply({ demand, namespaceDemand }))).toEqual([
    `namespace/web Cluster ${name} asked`,
  ]);
  expect(
    texts(pipeline.apply(toBatch([aPod('late', { ips: ['10.1.0.7'], isInMesh: false })]))),
  ).toEqual([
    `mesh Cluster ${name} asked`,
    `mesh ClusterLoadAssignment ${name} asked`,
    `namespace/web Cluster ${name} gone`,
  ]);
});

test('what a sidecar would be answered can be read before anybody asks, and sends nothing', () => {
  const pipeline = compile(...world);
  const answer = pipeline.view.cluster(client, vip);
  expect(answer?.cluster.spiffeIds).toEqual(['spiffe://cluster.local/ns/shop/sa/cart']);
  expect(answer?.endpoints?.groups[0]?.localities[0]?.endpoints[0]?.ip).toBe('10.1.0.1');
  expect(pipeline.view.cluster(client, 'tcp|192.0.2.1:1')?.cluster.kind).toEqual({
    kind: 'passthrough',
  });
  expect(texts(pipeline.apply({}))).toEqual([]);
});

test('a port that redirection leaves alone is called in plaintext, by Service as by address', () => {
  const metrics = aService('metrics', {
    clusterIPs: ['10.96.0.2'],
    ports: [{ name: 'http', port: 9090, transport: 'TCP', protocol: 'http' }],
  });
  const open = { ...cart, unredirectedPorts: [8080] };
  const slice = aSlice('metrics', ['10.1.0.1']);
  const { view } = compile(open, client, metrics, slice);
  for (const name of ['http|10.96.0.2:9090', 'http|10.1.0.1:8080', 'tcp|10.1.0.1:8080']) {
    const answer = view.cluster(client, name);
    expect(answer?.cluster.spiffeIds).toEqual([]);
    expect(answer?.endpoints?.groups[0]?.localities[0]?.endpoints).toMatchObject([
      { ip: '10.1.0.1', port: 8080, isInMesh: false },
    ]);
  }
  expect(view.cluster(client, 'tcp|10.1.0.1:9000')?.cluster.spiffeIds).toHaveLength(1);
});

test('a policy reaches its workloads as servers, callers of its routes, and what its egress governs', () => {
  const strict = aPolicy('strict', { mtls: { mode: 'Strict', ports: new Map(), isFloor: false } });
  const locked = aPolicy('locked', { namespace: 'web', egress: { mode: 'KnownOnly' } });
  const consumer = aPolicy('mine', {
    namespace: 'web',
    targets: routed.targets,
    routes: [],
  });
  const pipeline = compile(...world, routed, strict, locked, consumer);
  expect(pipeline.reached(strict.key)).toEqual([cart.key]);
  expect(pipeline.reached(locked.key)).toEqual([client.key]);
  expect(pipeline.reached(consumer.key)).toEqual([client.key]);
  expect(pipeline.reached(routed.key)).toEqual([cart.key]);
  expect([cart.key, client.key].map((pod) => pipeline.policiesOf(pod))).toEqual([[strict.key], []]);
  expect(pipeline.reach(strict.key).pods).toEqual([cart.key]);
  // By namespace, so that what a route policy reaches is not as large as the mesh.
  expect(pipeline.reach(routed.key)).toEqual({
    pods: [],
    callers: { isAllBut: true, namespaces: ['web'] },
  });
  expect(pipeline.reach(consumer.key).callers).toEqual({ isAllBut: false, namespaces: ['web'] });
});

test('a policy on outbound reaches whoever makes the calls it speaks of', () => {
  const outbound = { timeouts: { connectMs: 100 } };
  const producer = aPolicy('producer', { targets: routed.targets, outbound });
  const consumer = aPolicy('consumer', { namespace: 'web', targets: routed.targets, outbound });
  const own = aPolicy('own', { targets: [{ kind: 'Pod', selector: {} }], outbound });
  const audit = aPolicy('audit', { targets: routed.targets, outbound, mode: 'Audit' });
  const pipeline = compile(...world, producer, consumer, own, audit);
  expect(pipeline.reached(producer.key)).toEqual([cart.key, client.key]);
  expect(pipeline.reached(consumer.key)).toEqual([client.key]);
  expect(pipeline.reached(own.key)).toEqual([cart.key]);
  expect(pipeline.reached(audit.key)).toEqual([]);
  expect(pipeline.policiesOf(cart.key)).toEqual([own.key]);
});

test('a workload that comes or goes is handed out', () => {
  const pipeline = compile(...world);
  const { workloads } = pipeline.apply({ pods: new Map([[cart.key, undefined]]) });
  expect(workloads).toEqual([{ pod: cart.key }]);
  const back = pipeline.apply(toBatch([cart])).workloads;
  expect(back.map(({ sidecar }) => sidecar?.spiffeId)).toEqual([
    'spiffe://cluster.local/ns/shop/sa/cart',
  ]);
});

test('a finding that is mended is handed out as gone', () => {
  const dangling = aPolicy('d', {
    targets: [{ kind: 'Service', namespace: 'shop', name: 'late' }],
    mtls: { mode: 'Strict', ports: new Map(), isFloor: false },
  });
  const pipeline = compile(...world, dangling);
  expect([...pipeline.diagnostics().keys()]).toEqual(['TrafficPolicy shop/d']);
  const { diagnostics } = pipeline.apply(
    toBatch([aService('late', { clusterIPs: ['10.96.0.9'] })]),
  );
  expect(diagnostics).toEqual([{ object: 'TrafficPolicy shop/d', diagnostics: [] }]);
});

test('generations count batches', () => {
  const pipeline = compile(...world);
  expect(pipeline.apply({}).generation).toBe(2);
});
