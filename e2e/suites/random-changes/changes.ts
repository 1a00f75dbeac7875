/** Random changes of a mesh's YAML that ask for no failure, from a seed: the same seed gives the same changes. */
import fc from 'fast-check';
import { endpointSlice, manifest, trafficPolicy } from '../../kit/manifest.js';

/** A file of the mesh that is replaced, or removed. */
export interface Change {
  readonly file: string;
  readonly text: string | undefined;
  /** For a failing run. */
  readonly what: string;
  /** What answers carry in `x-change` as soon as it is in force; absent where nothing can be seen from outside. */
  readonly mark?: string;
  /** Milliseconds until the next one; 0: at once, so that two are told together or in any order. */
  readonly restMs: number;
}

/** The called Service's namespace; `a` calls. */
const own = 'b';
const one = fc.constantFrom;
/** A Service that comes and goes, while policies refer to it whether it is there or not. */
const passing = { file: '62-passing.yaml', name: 'passing', ip: '10.96.2.9' };
const v1 = '10.66.2.1';
const v2 = '10.66.2.2';
const target = { kind: 'Service', name: 'reviews' };

const duration = one('5s', '10s', '30s');
const retries = fc.record(
  {
    attempts: one(0, 1, 3),
    retryOn: fc.subarray(['connect-failure', 'refused-stream', 'reset-before-request', '5xx'], {
      minLength: 1,
    }),
    perTryTimeout: duration,
  },
  { requiredKeys: [] },
);

const weight = fc.integer({ min: 0, max: 100 });
/** At least one of them is there at any time, with a share or without. */
const backends = fc
  .tuple(weight, weight, weight, weight, fc.boolean())
  .map(([first, second, third, fourth, isReversed]) => {
    const all = [
      { service: 'reviews', weight: first },
      { subset: { version: 'v1' }, weight: second + 1 },
      { service: 'reviews-v2', weight: third },
      { service: passing.name, port: 80, weight: fourth },
    ];
    return isReversed ? all.toReversed() : all;
  });

const match = fc.record(
  {
    path: one(
      { type: 'PathPrefix', value: '/' },
      { type: 'Exact', value: '/items/1' },
      { type: 'RegularExpression', value: '/items/[0-9]+' },
    ),
    method: one('GET', 'POST'),
    headers: one(
      [{ name: 'x-user', value: 'beta' }],
      [{ name: 'cookie', type: 'RegularExpression', value: '(.*; )?group=b(;.*)?' }],
      [{ name: 'x-user', type: 'Present' }],
    ),
    queryParams: fc.constant([{ name: 'debug', value: '1' }]),
    from: one([{ namespace: 'a' }], [{ namespace: 'c' }], [{ not: [{ namespace: 'a' }] }]),
  },
  { requiredKeys: [] },
);

const route = fc.record(
  {
    matches: fc.array(match, { maxLength: 3 }),
    backends,
    rewrite: fc.constant({ path: { replace: '/items/2' } }),
    requestHeaders: fc.constant({ set: { 'x-set': 'yes' }, remove: ['x-user'] }),
    mirror: one(
      { service: 'reviews-v2', percent: 20 },
      { service: passing.name, port: 80, percent: 20 },
    ),
    timeout: duration,
    retries,
  },
  { requiredKeys: ['backends'] },
);

const routes = fc.tuple(fc.array(route, { maxLength: 4 }), backends);

/** Routes of the Service, or what its callers' namespace says instead; the last route takes what is left. */
const routePolicy = fc
  .tuple(routes, one('b', 'b', 'b', 'a'), one('Enforce', 'Enforce', 'Enforce', 'Audit', 'Disabled'))
  .map(([[first, last], namespace, mode]) => (index: number): Change => {
    const mark = String(index);
    const all = [...first, { backends: last }].map((each, place) => ({
      ...each,
      name: `route-${String(place)}`,
      responseHeaders: { set: { 'x-change': mark } },
    }));
    const spec = {
      targetRefs: [{ ...target, namespace: own }],
      mode,
      routes: all,
    };
    return {
      file: `60-routes-${namespace}.yaml`,
      text: manifest(trafficPolicy(`${namespace}/routes`, spec)),
      what: `routes of ${namespace} in mode ${mode}`,
      // A consumer's policy goes before the producer's, which cannot be seen behind it.
      ...(mode === 'Enforce' && namespace === 'a' ? { mark } : {}),
      restMs: 0,
    };
  });

const outbound = fc.record(
  {
    timeouts: fc.record(
      { request: duration, connect: one('1s', '5s'), idle: one('30s', '1h') },
      { requiredKeys: [] },
    ),
    retries: fc
      .tuple(retries, one({}, { budget: { percent: 50, minConcurrent: 20 } }))
      .map(([says, budget]) => ({ ...says, ...budget })),
    loadBalancing: one(
      { algorithm: 'LeastRequest' },
      { algorithm: 'RoundRobin', slowStart: '5s' },
      { algorithm: 'Random' },
      { algorithm: 'RingHash', hashOn: { header: 'x-user' } },
      { algorithm: 'Maglev', hashOn: { sourceIP: true } },
    ),
    connections: one({ max: 512 }, { maxRequestsPerConnection: 50 }, { tcpKeepalive: '30s' }),
    outlierDetection: fc.constant({ consecutive5xx: 5 }),
  },
  { requiredKeys: [] },
);

/** How callers treat it, from each kind of target. */
const outboundPolicy = fc
  .tuple(
    one<readonly [string, object]>(
      ['b', { ...target }],
      ['b', { ...target, sectionName: 'http' }],
      ['b', { kind: 'Namespace' }],
      ['skerry-system', { kind: 'Mesh' }],
      ['a', { ...target, namespace: own }],
      ['a', { kind: 'Pod', selector: { matchLabels: { app: 'frontend' } } }],
    ),
    outbound,
  )
  .map(([[namespace, to], says]) => (): Change => ({
    file: `61-outbound-${namespace}.yaml`,
    text: manifest(trafficPolicy(`${namespace}/outbound`, { targetRefs: [to], outbound: says })),
    what: `outbound from ${namespace}`,
    restMs: 0,
  }));

/** Rules that admit the callers of this suite, whatever else they say. */
const inboundPolicy = fc
  .tuple(
    one(
      { allow: [{ name: 'a', from: [{ namespace: 'a' }] }] },
      {
        allow: [{ name: 'who', from: [{ serviceAccount: 'a/frontend' }], to: [{ ports: [8080] }] }],
      },
      { deny: [{ name: 'c', from: [{ namespace: 'c' }] }] },
      { default: 'Allow', deny: [{ name: 'path', to: [{ paths: ['/secret/*'] }] }] },
      { allow: [{ name: 'any', to: [{ methods: ['GET', 'POST'] }] }] },
    ),
    one('Strict', 'Permissive'),
    one('Enforce', 'Enforce', 'Audit', 'Disabled'),
  )
  .map(([authorization, mtls, mode]) => (): Change => ({
    file: '63-inbound.yaml',
    text: manifest(
      trafficPolicy('b/inbound', {
        targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'reviews' } } }],
        mode,
        inbound: { authorization, mtls: { mode: mtls } },
      }),
    ),
    what: `authorization and mtls ${mtls} in mode ${mode}`,
    restMs: 0,
  }));

const slice = (service: string, ips: readonly string[]): object =>
  endpointSlice({
    service: `${own}/${service}`,
    port: { name: 'http', port: 8080 },
    endpoints: ips.map((ip) => ({ ip })),
  });

/** The passing Service with its endpoints, or none of it. */
const passingService = fc.boolean().map((isThere) => (): Change => ({
  file: passing.file,
  text: isThere
    ? manifest(
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: passing.name, namespace: own },
          spec: {
            clusterIP: passing.ip,
            clusterIPs: [passing.ip],
            ports: [{ name: 'http', port: 80, targetPort: 8080, appProtocol: 'http' }],
          },
        },
        slice(passing.name, [v1, v2]),
      )
    : undefined,
  what: isThere ? 'a Service is there' : 'a Service is gone',
  restMs: 0,
}));

/** Endpoints of Services that routes lead to; the subset of v1 always has one. */
const endpoints = one<readonly [string, readonly string[]]>(
  ['reviews', [v1]],
  ['reviews', [v1, v2]],
  ['reviews-v2', []],
  ['reviews-v2', [v2]],
).map(([service, ips]) => (): Change => ({
  file: `64-endpoints-${service}.yaml`,
  text: manifest(slice(service, ips)),
  what: `${String(ips.length)} endpoints of ${service}`,
  restMs: 0,
}));

const removal = one(
  '60-routes-b.yaml',
  '60-routes-a.yaml',
  '61-outbound-b.yaml',
  '63-inbound.yaml',
).map((file) => (): Change => ({ file, text: undefined, what: `${file} is removed`, restMs: 0 }));

/** What there is at the start: the endpoints, which the suite owns from then on. */
export const firstFiles: readonly { readonly file: string; readonly text: string }[] = [
  { file: '64-endpoints-reviews.yaml', text: manifest(slice('reviews', [v1, v2])) },
  { file: '64-endpoints-reviews-v2.yaml', text: manifest(slice('reviews-v2', [v2])) },
];

/** As many changes as asked for. */
export function randomChanges(count: number, seed: number): readonly Change[] {
  const change = fc.oneof(
    { arbitrary: routePolicy, weight: 6 },
    { arbitrary: outboundPolicy, weight: 3 },
    { arbitrary: inboundPolicy, weight: 3 },
    { arbitrary: passingService, weight: 3 },
    { arbitrary: endpoints, weight: 2 },
    { arbitrary: removal, weight: 2 },
  );
  const paced = fc.tuple(change, one(0, 0, 200, 500, 1_000));
  return fc
    .sample(paced, { numRuns: count, seed })
    .map(([make, restMs], index) => ({ ...make(index + 1), restMs }));
}
