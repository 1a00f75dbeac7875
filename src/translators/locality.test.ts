/** One change reruns what it touches and nothing else, counted in a mesh of a thousand Services. */
import { expect, test } from '@jest/globals';
import { policyKey, type TrafficPolicy } from '../model/index.js';
import { createPipeline, type Pipeline, type PipelineResult } from './index.js';
import {
  largeMesh,
  largePod,
  largeService,
  largeSlice,
  type LargeMeshOptions,
} from './testing/large-mesh.js';

const size: LargeMeshOptions = {
  services: 1000,
  podsPerService: 2,
  namespaces: 10,
  demanded: 1000,
};

function policy(fields: Partial<TrafficPolicy>): TrafficPolicy {
  return {
    kind: 'TrafficPolicy',
    key: policyKey('ns-0', 'p'),
    namespace: 'ns-0',
    name: 'p',
    creationTimestampMs: 0,
    hash: '1',
    mode: 'Enforce',
    targets: [{ kind: 'Service', namespace: 'ns-0', name: 's-0' }],
    ...fields,
  };
}

function start(): Pipeline {
  const pipeline = createPipeline({
    trustDomain: 'cluster.local',
    rootNamespace: 'skerry-system',
    layout: 'on-demand',
    meshCidrs: [],
    accessLog: 'Errors',
    clusterDomain: 'cluster.local',
  });
  const routes = policy({
    routes: [{ name: 'r', matches: [], backends: [], timeoutMs: 1000 }],
  });
  const strict = policy({
    key: policyKey('ns-1', 'strict'),
    namespace: 'ns-1',
    name: 'strict',
    targets: [{ kind: 'Namespace' }],
    mtls: { mode: 'Strict', ports: new Map(), isFloor: false },
  });
  pipeline.apply({
    ...largeMesh(size),
    policies: new Map([routes, strict].map((row) => [row.key, row])),
  });
  return pipeline;
}

function count({ reruns }: PipelineResult): number {
  return [...reruns.values()].reduce((sum, each) => sum + each, 0);
}

function names({ resources }: PipelineResult): readonly string[] {
  return resources.map(
    ({ scope, typeUrl, name }) => `${scope} ${typeUrl.split('.').pop() ?? ''} ${name}`,
  );
}

const shared = start();

test('an EndpointSlice change reruns a handful of rows and sends one ClusterLoadAssignment', () => {
  const slice = largeSlice(7, size, 1);
  const result = shared.apply({ slices: new Map([[slice.key, slice]]) });
  expect(names(result)).toEqual(['mesh ClusterLoadAssignment http|10.96.0.7:80']);
  expect(count(result)).toBeLessThanOrEqual(16);
});

test('an object that is equal to the former one reruns nothing', () => {
  const pod = largePod(3, 0, size);
  const service = largeService(3, size);
  const result = shared.apply({
    pods: new Map([[pod.key, pod]]),
    services: new Map([[service.key, service]]),
  });
  expect(count(result)).toBe(0);
  expect(names(result)).toEqual([]);
});

test('a pod that is being deleted leaves the endpoints of its Service and drains its own inbound side', () => {
  const pod = { ...largePod(4, 0, size), isTerminating: true };
  const result = shared.apply({ pods: new Map([[pod.key, pod]]) });
  expect(names(result)).toEqual([
    'mesh ClusterLoadAssignment http|10.96.0.4:80',
    'pod/ns-4/s-4-0 RouteConfiguration inbound/8080',
    'pod/ns-4/s-4-0 RouteConfiguration inbound/other',
  ]);
  // Of these six are its class of workloads, which it leaves for another.
  expect(count(result)).toBeLessThanOrEqual(31);
});

test('a new Service sends nothing before somebody asks for it', () => {
  const service = { ...largeService(1001, size) };
  const result = shared.apply({ services: new Map([[service.key, service]]) });
  expect(names(result)).toEqual([]);
  expect(count(result)).toBeLessThanOrEqual(32);
});

test('a timeout in one policy reruns its target and sends one virtual host', () => {
  const changed = policy({
    hash: '2',
    routes: [{ name: 'r', matches: [], backends: [], timeoutMs: 2000 }],
  });
  const result = shared.apply({ policies: new Map([[changed.key, changed]]) });
  expect(names(result)).toEqual(['mesh VirtualHost http/10.96.0.0:80']);
  expect(count(result)).toBeLessThanOrEqual(16);
});

test('a namespace that becomes Permissive sends the inbound side of its own workloads and of no others', () => {
  const relaxed = policy({
    key: policyKey('ns-1', 'strict'),
    namespace: 'ns-1',
    name: 'strict',
    hash: '2',
    targets: [{ kind: 'Namespace' }],
    mtls: { mode: 'Permissive', ports: new Map(), isFloor: false },
  });
  const result = shared.apply({ policies: new Map([[relaxed.key, relaxed]]) });
  const scopes = new Set(result.resources.map(({ scope }) => scope));
  expect(scopes.size).toBe((size.services / size.namespaces) * size.podsPerService);
  expect([...scopes].every((scope) => scope.startsWith('pod/ns-1/'))).toBe(true);
});
