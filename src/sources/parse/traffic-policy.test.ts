/** What a TrafficPolicy means, section by section. */
import { describe, expect, test } from '@jest/globals';
import type { TrafficPolicy } from '../../model/index.js';
import { parseTrafficPolicy, type ParsedPolicy } from './traffic-policy.js';

const service = [{ kind: 'Service', name: 'reviews' }];

function parse(spec: unknown, namespace = 'shop'): ParsedPolicy {
  const metadata = { name: 'p', namespace, creationTimestamp: '1970-01-01T00:00:01Z' };
  const object = { apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy', metadata, spec };
  return parseTrafficPolicy(object, { rootNamespace: 'skerry-system' });
}

function read(spec: unknown, namespace?: string): TrafficPolicy {
  const { policy, diagnostics } = parse(spec, namespace);
  if (policy === undefined) throw new Error(JSON.stringify(diagnostics));
  return policy;
}

function readRoute(route: object): NonNullable<TrafficPolicy['routes']>[number] | undefined {
  return read({ targetRefs: service, routes: [route] }).routes?.[0];
}

describe('the object', () => {
  test('a policy with targets only says nothing', () => {
    expect(read({ targetRefs: service })).toEqual({
      kind: 'TrafficPolicy',
      key: 'shop/p',
      namespace: 'shop',
      name: 'p',
      creationTimestampMs: 1000,
      hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      mode: 'Enforce',
      targets: [{ kind: 'Service', namespace: 'shop', name: 'reviews' }],
    });
  });

  test('the hash follows the spec and not the order of its keys', () => {
    const a = read({ targetRefs: service, mode: 'Audit' });
    const b = read({ mode: 'Audit', targetRefs: service });
    const c = read({ mode: 'Enforce', targetRefs: service });
    expect([a.hash === b.hash, a.hash === c.hash]).toEqual([true, false]);
  });

  test.each(['Enforce', 'Audit', 'Disabled'])('the mode %s is kept', (mode) => {
    expect(read({ targetRefs: service, mode }).mode).toBe(mode);
  });
});

describe('targets', () => {
  test('each kind of target is read', () => {
    const selector = { matchLabels: { app: 'a' } };
    expect(
      read({ targetRefs: [{ kind: 'Service', name: 'a', namespace: 'b', sectionName: 'http' }] })
        .targets,
    ).toEqual([{ kind: 'Service', namespace: 'b', name: 'a', sectionName: 'http' }]);
    expect(read({ targetRefs: [{ kind: 'Pod', selector }] }).targets).toEqual([
      { kind: 'Pod', selector: { app: 'a' } },
    ]);
    expect(read({ targetRefs: [{ kind: 'Namespace' }] }).targets).toEqual([{ kind: 'Namespace' }]);
    expect(
      read({ targetRefs: [{ kind: 'Namespace', selector }] }, 'skerry-system').targets,
    ).toEqual([{ kind: 'Namespace', selector: { app: 'a' } }]);
    expect(read({ targetRefs: [{ kind: 'Mesh' }] }, 'skerry-system').targets).toEqual([
      { kind: 'Mesh' },
    ]);
  });
});

test('outbound is read with its durations in milliseconds, and nothing that is not said', () => {
  const targetRefs = [{ kind: 'Namespace' }];
  const timeouts = { connect: '250ms', request: '0s', idle: '1h' };
  expect(read({ targetRefs, outbound: { timeouts } }).outbound).toEqual({
    timeouts: { connectMs: 250, requestMs: 0, idleMs: 3_600_000 },
  });
  const retries = {
    attempts: 0,
    retryOn: ['reset'],
    perTryTimeout: '2s',
    backoff: { base: '5ms' },
    budget: { percent: 12.5, minConcurrent: 0 },
    statusCodes: [503],
  };
  expect(read({ targetRefs, outbound: { retries } }).outbound?.retries).toEqual({
    attempts: 0,
    on: ['reset'],
    perTryTimeoutMs: 2000,
    backoff: { baseMs: 5 },
    budget: { percent: 12.5, minConcurrent: 0 },
    statusCodes: [503],
  });
  const connections = { max: 7, maxRequestsPerConnection: 0, tcpKeepalive: '1m' };
  const outlierDetection = { consecutive5xx: 5, successRate: {}, baseEjection: '30s' };
  const loadBalancing = { algorithm: 'Maglev', hashOn: { cookie: { name: 'stick' } } };
  const all = { connections, outlierDetection, loadBalancing };
  expect(read({ targetRefs, outbound: all }).outbound).toEqual({
    connections: { max: 7, maxRequestsPerConnection: 0, tcpKeepaliveMs: 60_000 },
    outlierDetection: { consecutive5xx: 5, successRate: {}, baseEjectionMs: 30_000 },
    loadBalancing: {
      algorithm: 'Maglev',
      hashOn: { kind: 'cookie', name: 'stick', ttlMs: 0 },
    },
  });
  const tls = { mode: 'Mutual', sni: 'a.example', caBundle: { configMap: 'signers' } };
  const pods = [{ kind: 'Pod', selector: { matchLabels: { app: 'a' } } }];
  const shown = { ...tls, credential: { secret: 'own' } };
  expect(read({ targetRefs: pods, outbound: { tls: shown } }).outbound?.tls).toEqual({
    ...{ mode: 'Mutual', sni: 'a.example', caBundle: 'shop/signers', credential: 'shop/own' },
  });
  expect(read({ targetRefs, outbound: { timeouts: {} } }).outbound).toEqual({ timeouts: {} });
  expect(read({ targetRefs, outbound: { egress: {} } }).outbound).toBeUndefined();
});

describe('routes', () => {
  test('a route with everything is read whole', () => {
    const route = {
      name: 'beta',
      matches: [
        {
          path: { type: 'PathPrefix', value: '/v2' },
          method: 'GET',
          headers: [
            { name: 'X-User', value: 'beta' },
            { name: 'x-id', type: 'RegularExpression', value: '[0-9]+' },
            { name: 'x-any', type: 'Present' },
          ],
          queryParams: [{ name: 'Debug', type: 'Prefix', value: '1' }],
          from: [{ namespace: 'web', not: [{ serviceAccount: 'web/batch' }] }],
        },
      ],
      backends: [
        { service: 'reviews-v2', port: 80, weight: 10 },
        { service: 'other', namespace: 'far' },
        { subset: { version: 'v1' }, weight: 90 },
      ],
      rewrite: { path: { prefix: '/' }, hostname: 'reviews.internal' },
      requestHeaders: { set: { A: 'b' }, add: { 'X-C': 'd' }, remove: ['X-E'] },
      responseHeaders: { set: {}, add: {}, remove: [] },
      mirror: { service: 'shadow', percent: 5 },
      fault: {
        delay: { percent: 0.01, duration: '200ms' },
        abort: { httpStatus: 503, grpcStatus: 'UNAVAILABLE' },
      },
      timeout: '5s',
      retries: {
        attempts: 2,
        retryOn: ['connect-failure', '5xx'],
        perTryTimeout: '2s',
        backoff: { base: '25ms', max: '250ms' },
        statusCodes: [503],
      },
    };
    expect(readRoute(route)).toEqual({
      name: 'beta',
      matches: [
        {
          path: { type: 'PathPrefix', value: '/v2' },
          method: 'GET',
          headers: [
            { name: 'x-user', type: 'Exact', value: 'beta' },
            { name: 'x-id', type: 'RegularExpression', value: '[0-9]+' },
            { name: 'x-any', type: 'Present', value: '' },
          ],
          queryParams: [{ name: 'Debug', type: 'Prefix', value: '1' }],
          from: [
            {
              all: [{ kind: 'namespace', namespace: 'web' }],
              not: [
                { all: [{ kind: 'serviceAccount', namespace: 'web', name: 'batch' }], not: [] },
              ],
            },
          ],
        },
      ],
      backends: [
        { kind: 'service', ref: { namespace: 'shop', name: 'reviews-v2', port: 80 }, weight: 10 },
        { kind: 'service', ref: { namespace: 'far', name: 'other' }, weight: 1 },
        { kind: 'subset', labels: { version: 'v1' }, weight: 90 },
      ],
      rewrite: { path: { kind: 'prefix', value: '/' }, hostname: 'reviews.internal' },
      requestHeaders: { set: { a: 'b' }, add: { 'x-c': 'd' }, remove: ['x-e'] },
      responseHeaders: { set: {}, add: {}, remove: [] },
      mirror: { ref: { namespace: 'shop', name: 'shadow' }, percent: 5 },
      fault: {
        delay: { percent: 0.01, durationMs: 200 },
        abort: { percent: 100, httpStatus: 503, grpcStatus: 'UNAVAILABLE' },
      },
      timeoutMs: 5000,
      retries: {
        attempts: 2,
        on: ['connect-failure', '5xx'],
        perTryTimeoutMs: 2000,
        backoff: { baseMs: 25, maxMs: 250 },
        statusCodes: [503],
      },
    });
  });

  test('an empty route takes everything to the target, and is called by its index', () => {
    expect(readRoute({})).toEqual({ name: 'rule-0', matches: [], backends: [] });
  });

  test('a redirect is 302 unless it says otherwise', () => {
    expect(readRoute({ redirect: { scheme: 'https' } })?.redirect).toEqual({
      scheme: 'https',
      statusCode: 302,
    });
    const path = { replace: '/x' };
    expect(
      readRoute({ redirect: { path, port: 443, hostname: 'h', statusCode: 308 } })?.redirect,
    ).toEqual({
      hostname: 'h',
      path: { kind: 'replace', value: '/x' },
      port: 443,
      statusCode: 308,
    });
  });

  test('the whole traffic is mirrored unless a percentage is given', () => {
    expect(readRoute({ mirror: { service: 's' } })?.mirror?.percent).toBe(100);
  });

  test('a path without a type is a prefix', () => {
    expect(readRoute({ matches: [{ path: { value: '/a' } }] })?.matches[0]?.path?.type).toBe(
      'PathPrefix',
    );
  });

  test('a consumer’s policy may carry routes', () => {
    const targetRefs = [{ kind: 'Service', name: 'ratings', namespace: 'other' }];
    expect(read({ targetRefs, routes: [{ timeout: '1s' }] }).routes).toHaveLength(1);
  });
});

describe('inbound', () => {
  const targetRefs = [{ kind: 'Namespace' }];

  test('mtls is read with its ports in order', () => {
    const mtls = { mode: 'Permissive', ports: { '9090': 'Strict', '80': 'Disabled' }, floor: true };
    expect(read({ targetRefs, inbound: { mtls } }).mtls).toEqual({
      mode: 'Permissive',
      ports: new Map([
        [80, 'Disabled'],
        [9090, 'Strict'],
      ]),
      isFloor: true,
    });
  });

  test('a rate limit is read with its periods in milliseconds', () => {
    const rateLimit = { requests: 100, per: '1s', perIdentity: { requests: 20, per: '1m' } };
    expect(parse({ targetRefs: service, inbound: { rateLimit } }).policy?.rateLimit).toEqual({
      total: { requests: 100, perMs: 1000, burst: 0 },
      perIdentity: { requests: 20, perMs: 60_000 },
    });
  });

  test('a limit of connections is read', () => {
    const spec = { targetRefs: service, inbound: { connections: { max: 10 } } };
    expect(parse(spec).policy?.inboundConnections).toEqual({ max: 10 });
  });

  test('every way to name a caller is read', () => {
    const from = [
      { namespace: 'web' },
      { serviceAccount: 'shop/cart' },
      { spiffe: 'spiffe://cluster.local/ns/a/*' },
      { cidr: '10.1.2.3/8' },
      { namespaceSelector: { matchLabels: { env: 'prod' } } },
      { not: [{ serviceAccount: 'shop/batch' }] },
    ];
    const authorization = { allow: [{ name: 'web-reads', from }] };
    expect(
      read({ targetRefs, inbound: { authorization } }).authorization?.allow?.[0]?.from,
    ).toEqual([
      { all: [{ kind: 'namespace', namespace: 'web' }], not: [] },
      { all: [{ kind: 'serviceAccount', namespace: 'shop', name: 'cart' }], not: [] },
      { all: [{ kind: 'spiffe', pattern: 'spiffe://cluster.local/ns/a/*' }], not: [] },
      { all: [{ kind: 'cidr', cidr: '10.0.0.0/8' }], not: [] },
      { all: [{ kind: 'namespaceSelector', matchLabels: { env: 'prod' } }], not: [] },
      {
        all: [],
        not: [{ all: [{ kind: 'serviceAccount', namespace: 'shop', name: 'batch' }], not: [] }],
      },
    ]);
  });

  test('operations are read, and rules without names are called by their index', () => {
    const to = [{ ports: [8080], methods: ['GET'], paths: ['/api/*'] }, { ports: [9] }];
    const authorization = { default: 'Deny', deny: [{ to }], allow: [{ name: 'a' }, {}] };
    expect(read({ targetRefs, inbound: { authorization } }).authorization).toEqual({
      default: 'Deny',
      deny: [
        {
          name: 'deny-0',
          from: [],
          to: [
            { ports: [8080], methods: ['GET'], paths: ['/api/*'] },
            { ports: [9], methods: [], paths: [] },
          ],
          when: [],
        },
      ],
      allow: [
        { name: 'a', from: [], to: [], when: [] },
        { name: 'allow-1', from: [], to: [], when: [] },
      ],
    });
  });

  test('conditions on headers are read, their names in lower case', () => {
    const when = [{ header: 'X-Env', values: ['prod', 'stage-*'] }];
    expect(
      read({ targetRefs, inbound: { authorization: { deny: [{ when }] } } }).authorization?.deny,
    ).toMatchObject([{ when: [{ kind: 'header', name: 'x-env', values: ['prod', 'stage-*'] }] }]);
  });

  test('an empty allow list is kept apart from none', () => {
    const authorizationOf = (authorization: object): unknown =>
      read({ targetRefs, inbound: { authorization } }).authorization;
    expect(authorizationOf({ allow: [] })).toEqual({ default: 'Inherit', deny: [], allow: [] });
    expect(authorizationOf({})).toEqual({ default: 'Inherit', deny: [] });
  });
});

test('the egress mode of a namespace is read', () => {
  const outbound = { egress: { mode: 'KnownOnly' } };
  expect(read({ targetRefs: [{ kind: 'Namespace' }], outbound }).egress).toEqual({
    mode: 'KnownOnly',
  });
});

test('what egress allows is read: ports of a host that has none written, blocks in canonical form', () => {
  const allow = [
    { host: '*.example.com' },
    { host: 'api.example.com', ports: [8443, 443, 443] },
    { cidr: '192.0.2.77/24' },
    { cidr: '2001:DB8::/32', ports: [25] },
  ];
  const outbound = { egress: { allow } };
  expect(read({ targetRefs: [{ kind: 'Namespace' }], outbound }).egress).toEqual({
    allow: [
      { kind: 'host', host: '*.example.com', ports: [80, 443] },
      { kind: 'host', host: 'api.example.com', ports: [443, 8443] },
      { kind: 'cidr', cidr: '192.0.2.0/24' },
      { kind: 'cidr', cidr: '2001:db8::/32', ports: [25] },
    ],
  });
});
