/** What is refused in a TrafficPolicy, where it is said to be, and what is known of it all the same. */
import { describe, expect, test } from '@jest/globals';
import { parseTrafficPolicy, type ParsedPolicy } from './traffic-policy.js';

const service = { kind: 'Service', name: 'reviews' };
const namespace = { kind: 'Namespace' };
const selector = { matchLabels: { app: 'a' } };

function parse(spec: unknown, inNamespace = 'shop'): ParsedPolicy {
  const metadata = { name: 'p', namespace: inNamespace };
  const object = { apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy', metadata, spec };
  return parseTrafficPolicy(object, { rootNamespace: 'skerry-system' });
}

function found(spec: unknown, inNamespace?: string): readonly string[] {
  return parse(spec, inNamespace).diagnostics.map(({ code, field }) => `${code} ${field ?? ''}`);
}

const route = (fields: object): unknown => ({ targetRefs: [service], routes: [fields] });
const inbound = (fields: object): unknown => ({ targetRefs: [namespace], inbound: fields });
const outbound = (fields: object): unknown => ({ targetRefs: [namespace], outbound: fields });
const allow = (fields: object): unknown => inbound({ authorization: { allow: [fields] } });
const repeat = <T>(count: number, item: T): readonly T[] =>
  Array.from({ length: count }, () => item);

describe('targets', () => {
  test.each<readonly [unknown, readonly string[]]>([
    [undefined, ['Invalid spec.targetRefs']],
    [[], ['Invalid spec.targetRefs']],
    [service, ['Invalid spec.targetRefs']],
    [repeat(17, service), ['Invalid spec.targetRefs']],
    [['reviews'], ['Invalid spec.targetRefs[0]']],
    [[{ kind: 'Deployment', name: 'a' }], ['Invalid spec.targetRefs[0].kind']],
    [[{ kind: 'Service' }], ['Invalid spec.targetRefs[0].name']],
    [[{ kind: 'Service', name: 'A_B' }], ['Invalid spec.targetRefs[0].name']],
    [[{ kind: 'Service', name: 'a', port: 80 }], ['Invalid spec.targetRefs[0].port']],
    [[{ kind: 'Pod' }], ['Invalid spec.targetRefs[0].selector']],
    [[{ kind: 'Pod', selector: {} }], ['Invalid spec.targetRefs[0].selector.matchLabels']],
    [
      [{ kind: 'Pod', selector: { matchLabels: {} } }],
      ['Invalid spec.targetRefs[0].selector.matchLabels'],
    ],
    [
      [{ kind: 'Pod', selector: { matchLabels: { a: 1 } } }],
      ['Invalid spec.targetRefs[0].selector.matchLabels.a'],
    ],
    [[{ kind: 'Namespace', name: 'shop' }], ['Invalid spec.targetRefs[0].name']],
    [[{ kind: 'Namespace', selector }], ['TargetNotAllowed spec.targetRefs[0].selector']],
    [[{ kind: 'Mesh' }], ['TargetNotAllowed spec.targetRefs[0].kind']],
    [[service, namespace], ['Invalid spec.targetRefs[1].kind']],
    [[service, service], ['Invalid spec.targetRefs[1]']],
  ])('targetRefs %j', (targetRefs, expected) => {
    expect(found({ targetRefs })).toEqual(expected);
  });
});

describe('sections that the target cannot have', () => {
  test.each<readonly [unknown, object, string]>([
    [{ kind: 'Pod', selector }, { routes: [] }, 'Invalid spec.routes'],
    [namespace, { routes: [{}] }, 'Invalid spec.routes'],
    [service, { outbound: { egress: { mode: 'AllowAny' } } }, 'Invalid spec.outbound.egress'],
    [
      { kind: 'Pod', selector },
      { outbound: { egress: { mode: 'AllowAny' } } },
      'Invalid spec.outbound.egress',
    ],
    [service, { telemetry: {} }, 'Invalid spec.telemetry'],
    [
      { ...service, namespace: 'other' },
      { inbound: { mtls: {} } },
      'TargetNotAllowed spec.inbound',
    ],
  ])('target %j with %j', (target, sections, expected) => {
    const { diagnostics } = parse({ targetRefs: [target], ...sections });
    expect(diagnostics.map(({ code, field }) => `${code} ${field ?? ''}`)).toEqual([expected]);
    expect(diagnostics[0]?.remedy).toMatch(/^(write|move)/);
  });

  test('the root namespace has no word on what others’ Services accept', () => {
    const spec = { targetRefs: [{ ...service, namespace: 'shop' }], inbound: { mtls: {} } };
    expect(found(spec, 'skerry-system')).toEqual(['TargetNotAllowed spec.inbound']);
  });
});

describe('fields', () => {
  test.each<readonly [unknown, readonly string[]]>([
    [{ targetRefs: [service], mode: 'Off' }, ['Invalid spec.mode']],
    [{ targetRefs: [service], route: [] }, ['Invalid spec.route']],
    [{ targetRefs: [service], routes: {} }, ['Invalid spec.routes']],
    [{ targetRefs: [service], routes: null }, ['Invalid spec.routes']],
    [{ targetRefs: [service], routes: repeat(65, {}) }, ['Invalid spec.routes']],
    [
      { targetRefs: [service], routes: [{ name: 'a' }, { name: 'a' }] },
      ['Invalid spec.routes[1].name'],
    ],
    [{ targetRefs: [service], routes: [{ name: 'rule-1' }, {}] }, ['Invalid spec.routes[0].name']],
    [route({ name: 'A b' }), ['Invalid spec.routes[0].name']],
    [route({ name: 'a'.repeat(64) }), ['Invalid spec.routes[0].name']],
    [route({ timeout: 5 }), ['Invalid spec.routes[0].timeout']],
    [route({ timeout: '5' }), ['Invalid spec.routes[0].timeout']],
    [route({ timeout: '-5s' }), ['Invalid spec.routes[0].timeout']],
    [route({ timeout: '25h' }), ['Invalid spec.routes[0].timeout']],
    [route({ timeout: null }), ['Invalid spec.routes[0].timeout']],
    [route({ retires: {} }), ['Invalid spec.routes[0].retires']],
    [route({ matches: repeat(17, {}) }), ['Invalid spec.routes[0].matches']],
    [route({ matches: [{ method: 'G T' }] }), ['Invalid spec.routes[0].matches[0].method']],
    [route({ matches: [{ method: 'get' }] }), ['Invalid spec.routes[0].matches[0].method']],
    [
      route({ matches: [{ path: { value: 'a' } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ path: { value: '/a?b' } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ path: { type: 'Regex', value: '/' } }] }),
      ['Invalid spec.routes[0].matches[0].path.type'],
    ],
    [
      route({ matches: [{ path: { type: 'RegularExpression', value: '/(a' } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ path: { type: 'RegularExpression', value: '/(?=a)' } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ path: { type: 'RegularExpression', value: `/${'a'.repeat(1024)}` } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ headers: [{ name: 'a b', value: '' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].name'],
    ],
    [
      route({ matches: [{ headers: [{ name: ':path', value: '' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].name'],
    ],
    [
      route({ matches: [{ headers: [{ name: 'a' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].value'],
    ],
    [
      route({ matches: [{ headers: [{ name: 'a', type: 'Present', value: 'b' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].value'],
    ],
    [
      route({ matches: [{ headers: [{ name: 'a', value: 'b\r\n' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].value'],
    ],
    [
      route({ matches: [{ queryParams: [{ name: '', value: 'b' }] }] }),
      ['Invalid spec.routes[0].matches[0].queryParams[0].name'],
    ],
    [route({ matches: [{ from: [] }] }), ['Invalid spec.routes[0].matches[0].from']],
    [route({ backends: [{}] }), ['Invalid spec.routes[0].backends[0]']],
    [
      route({ backends: [{ service: 'a', subset: { v: '1' } }] }),
      ['Invalid spec.routes[0].backends[0]'],
    ],
    [
      route({ backends: [{ subset: { v: '1' }, port: 80 }] }),
      ['Invalid spec.routes[0].backends[0].port'],
    ],
    [route({ backends: [{ subset: {} }] }), ['Invalid spec.routes[0].backends[0].subset']],
    [
      route({ backends: [{ service: 'a', weight: -1 }] }),
      ['Invalid spec.routes[0].backends[0].weight'],
    ],
    [
      route({ backends: [{ service: 'a', weight: 1_000_001 }] }),
      ['Invalid spec.routes[0].backends[0].weight'],
    ],
    [
      route({ backends: [{ service: 'a', weight: 0.5 }] }),
      ['Invalid spec.routes[0].backends[0].weight'],
    ],
    [route({ backends: [{ service: 'a', weight: 0 }] }), ['Invalid spec.routes[0].backends']],
    [route({ backends: [{ service: 'a', port: 0 }] }), ['Invalid spec.routes[0].backends[0].port']],
    [route({ redirect: {} }), ['Invalid spec.routes[0].redirect']],
    [route({ redirect: { scheme: 'ftp' } }), ['Invalid spec.routes[0].redirect.scheme']],
    [
      route({ redirect: { scheme: 'https', statusCode: 200 } }),
      ['Invalid spec.routes[0].redirect.statusCode'],
    ],
    [
      route({
        redirect: { scheme: 'https' },
        backends: [{ service: 'a' }],
        rewrite: { hostname: 'h' },
      }),
      ['Invalid spec.routes[0].backends', 'Invalid spec.routes[0].rewrite'],
    ],
    [route({ redirect: { scheme: 'https' }, timeout: '5s' }), ['Invalid spec.routes[0].timeout']],
    [route({ rewrite: {} }), ['Invalid spec.routes[0].rewrite']],
    [route({ rewrite: { path: {} } }), ['Invalid spec.routes[0].rewrite.path']],
    [
      route({ rewrite: { path: { prefix: '/', replace: '/' } } }),
      ['Invalid spec.routes[0].rewrite.path'],
    ],
    [
      route({
        matches: [{ path: { type: 'Exact', value: '/a' } }],
        rewrite: { path: { prefix: '/' } },
      }),
      ['Invalid spec.routes[0].rewrite.path.prefix'],
    ],
    [route({ rewrite: { hostname: 'a:80' } }), ['Invalid spec.routes[0].rewrite.hostname']],
    [
      route({ requestHeaders: { set: { Host: 'a' } } }),
      ['Invalid spec.routes[0].requestHeaders.set.Host'],
    ],
    [
      route({ requestHeaders: { set: { ':authority': 'a' } } }),
      ['Invalid spec.routes[0].requestHeaders.set[":authority"]'],
    ],
    [
      route({ requestHeaders: { remove: ['host'] } }),
      ['Invalid spec.routes[0].requestHeaders.remove[0]'],
    ],
    [
      route({ requestHeaders: { set: { 'Content-Length': '0' } } }),
      ['Invalid spec.routes[0].requestHeaders.set.Content-Length'],
    ],
    [
      route({ requestHeaders: { set: { a: 'x\ny' } } }),
      ['Invalid spec.routes[0].requestHeaders.set.a'],
    ],
    [route({ requestHeaders: { set: { a: 1 } } }), ['Invalid spec.routes[0].requestHeaders.set.a']],
    [
      route({ requestHeaders: { add: { a: '1', A: '2' } } }),
      ['Invalid spec.routes[0].requestHeaders.add.A'],
    ],
    [route({ mirror: { service: 'a', percent: 101 } }), ['Invalid spec.routes[0].mirror.percent']],
    [route({ mirror: { percent: 1 } }), ['Invalid spec.routes[0].mirror.service']],
    [route({ fault: {} }), ['Invalid spec.routes[0].fault']],
    [route({ fault: { abort: { percent: 1 } } }), ['Invalid spec.routes[0].fault.abort']],
    [
      route({ fault: { abort: { httpStatus: 199, percent: 101 } } }),
      [
        'Invalid spec.routes[0].fault.abort.percent',
        'Invalid spec.routes[0].fault.abort.httpStatus',
      ],
    ],
    [
      route({ fault: { abort: { grpcStatus: 'OK' } } }),
      ['Invalid spec.routes[0].fault.abort.grpcStatus'],
    ],
    [route({ fault: { delay: { percent: 1 } } }), ['Invalid spec.routes[0].fault.delay.duration']],
    [route({ retries: { attempts: 11 } }), ['Invalid spec.routes[0].retries.attempts']],
    [route({ retries: { retryOn: ['6xx'] } }), ['Invalid spec.routes[0].retries.retryOn[0]']],
    [route({ retries: { budget: {} } }), ['Invalid spec.routes[0].retries.budget']],
    [route({ retries: { statusCodes: [99] } }), ['Invalid spec.routes[0].retries.statusCodes[0]']],
    [
      route({ retries: { backoff: { base: '2s', max: '1s' } } }),
      ['Invalid spec.routes[0].retries.backoff.max'],
    ],
    [inbound({ connections: { max: 0 } }), ['Invalid spec.inbound.connections.max']],
    [inbound({ rateLimit: {} }), ['Invalid spec.inbound.rateLimit']],
    [inbound({ rateLimit: { requests: 5 } }), ['Invalid spec.inbound.rateLimit']],
    [
      inbound({ rateLimit: { perIdentity: { requests: 1, per: '1s' }, burst: 5 } }),
      ['Invalid spec.inbound.rateLimit.burst'],
    ],
    [
      inbound({ rateLimit: { requests: 0, per: '49ms' } }),
      ['Invalid spec.inbound.rateLimit.requests', 'Invalid spec.inbound.rateLimit.per'],
    ],
    [
      inbound({ rateLimit: { perIdentity: { requests: 5 } } }),
      ['Invalid spec.inbound.rateLimit.perIdentity.per'],
    ],
    [inbound({ mtls: { mode: 'strict' } }), ['Invalid spec.inbound.mtls.mode']],
    [inbound({ mtls: { ports: { http: 'Strict' } } }), ['Invalid spec.inbound.mtls.ports.http']],
    [
      inbound({ mtls: { ports: { '65536': 'Strict' } } }),
      ['Invalid spec.inbound.mtls.ports["65536"]'],
    ],
    [inbound({ mtls: { floor: true } }), ['Invalid spec.inbound.mtls.floor']],
    [inbound({ authorization: null }), ['Invalid spec.inbound.authorization']],
    [inbound({ authorization: { allow: null } }), ['Invalid spec.inbound.authorization.allow']],
    [
      inbound({ authorization: { default: 'deny' } }),
      ['Invalid spec.inbound.authorization.default'],
    ],
    [inbound({ authorization: { alow: [] } }), ['Invalid spec.inbound.authorization.alow']],
    [allow({ from: [] }), ['Invalid spec.inbound.authorization.allow[0].from']],
    [allow({ from: [{}] }), ['Invalid spec.inbound.authorization.allow[0].from[0]']],
    [
      allow({ from: [{ serviceAccount: 'cart' }] }),
      ['Invalid spec.inbound.authorization.allow[0].from[0].serviceAccount'],
    ],
    [
      allow({ from: [{ spiffe: '*' }] }),
      ['Invalid spec.inbound.authorization.allow[0].from[0].spiffe'],
    ],
    [
      allow({ from: [{ spiffe: 'spiffe://a/*/b' }] }),
      ['Invalid spec.inbound.authorization.allow[0].from[0].spiffe'],
    ],
    [
      allow({ from: [{ cidr: '10.0.0.0' }] }),
      ['Invalid spec.inbound.authorization.allow[0].from[0].cidr'],
    ],
    [
      allow({ from: [{ namespaceSelector: { matchExpressions: [] } }] }),
      [
        'Invalid spec.inbound.authorization.allow[0].from[0].namespaceSelector.matchLabels',
        'Invalid spec.inbound.authorization.allow[0].from[0].namespaceSelector.matchExpressions',
      ],
    ],
    [
      allow({ from: [{ not: [{ namespace: 'A' }] }] }),
      ['Invalid spec.inbound.authorization.allow[0].from[0].not[0].namespace'],
    ],
    [allow({ to: [{}] }), ['Invalid spec.inbound.authorization.allow[0].to[0]']],
    [allow({ to: [{ ports: [] }] }), ['Invalid spec.inbound.authorization.allow[0].to[0].ports']],
    [
      allow({ to: [{ ports: ['80'] }] }),
      ['Invalid spec.inbound.authorization.allow[0].to[0].ports[0]'],
    ],
    [
      allow({ to: [{ paths: ['/*/b'] }] }),
      ['Invalid spec.inbound.authorization.allow[0].to[0].paths[0]'],
    ],
    [
      allow({ to: [{ paths: ['*'] }] }),
      ['Invalid spec.inbound.authorization.allow[0].to[0].paths[0]'],
    ],
    [outbound({ egress: { mode: 'Any' } }), ['Invalid spec.outbound.egress.mode']],
    [outbound({ timeouts: { connect: 1 } }), ['Invalid spec.outbound.timeouts.connect']],
    [outbound({ timeouts: { connect: '0s' } }), ['Invalid spec.outbound.timeouts.connect']],
    [outbound({ retries: { attempts: 11 } }), ['Invalid spec.outbound.retries.attempts']],
    [
      outbound({ retries: { budget: { percent: 101 } } }),
      ['Invalid spec.outbound.retries.budget.percent'],
    ],
    [outbound({ tls: { mode: 'simple' } }), ['Invalid spec.outbound.tls.mode']],
    [outbound({ tls: { sni: '10.0.0.1' } }), ['Invalid spec.outbound.tls.sni']],
    [outbound({ tls: { mode: 'None', sni: 'a.example' } }), ['Invalid spec.outbound.tls.sni']],
    [
      outbound({ tls: { mode: 'Auto', caBundle: { configMap: 'a' } } }),
      ['Invalid spec.outbound.tls.caBundle'],
    ],
    [
      outbound({ tls: { mode: 'Mutual', credential: { secret: 'a' } } }),
      ['Invalid spec.outbound.tls.credential'],
    ],
    [
      {
        targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'a' } } }],
        outbound: { tls: { mode: 'Simple', credential: { secret: 'a' } } },
      },
      ['Invalid spec.outbound.tls.credential'],
    ],
    [outbound({ connections: { max: 0 } }), ['Invalid spec.outbound.connections.max']],
    [
      outbound({ connections: { tcpKeepalive: '1500ms' } }),
      ['Invalid spec.outbound.connections.tcpKeepalive'],
    ],
    [
      outbound({ outlierDetection: { successRate: { min: 3 }, maxEjectedPercent: 0.5 } }),
      [
        'Invalid spec.outbound.outlierDetection.successRate.min',
        'Invalid spec.outbound.outlierDetection.maxEjectedPercent',
      ],
    ],
    [
      outbound({ loadBalancing: { hashOn: { header: 'a', sourceIP: true } } }),
      ['Invalid spec.outbound.loadBalancing.hashOn'],
    ],
    [
      outbound({ loadBalancing: { hashOn: { sourceIP: false } } }),
      ['Invalid spec.outbound.loadBalancing.hashOn.sourceIP'],
    ],
    [outbound({ timeouts: { idle: '0s' } }), ['Invalid spec.outbound.timeouts.idle']],
    [outbound({ timeouts: { idle: '61m' } }), ['Invalid spec.outbound.timeouts.idle']],
  ])('%j', (spec, expected) => {
    expect([...found(spec)].sort()).toEqual([...expected].sort());
  });

  const spelledOtherwise = [
    '/a//b',
    '/a/../b',
    '/a/.',
    '/./*',
    '/a\\b',
    '/%61dmin',
    '/a%2Fb',
    '/a%5c*',
    '/a{b}',
    '/caf\u00e9',
  ];
  test.each(spelledOtherwise)(
    '%s, which no normalised request ever matches, is refused',
    (path) => {
      expect(found(allow({ to: [{ paths: [path] }] }))).toEqual([
        'Invalid spec.inbound.authorization.allow[0].to[0].paths[0]',
      ]);
    },
  );

  test.each(['/', '/*', '/.well-known/*', '/a/.*', '/a..b', '/a%20b', '/caf%C3%A9', '/a;b=c'])(
    '%s is a path that requests may have',
    (path) => {
      expect(found(allow({ to: [{ paths: [path] }] }))).toEqual([]);
    },
  );

  test('an unknown field comes with the name that was meant', () => {
    const { diagnostics } = parse(route({ retires: {} }));
    expect(diagnostics[0]).toMatchObject({ remedy: 'did you mean retries?', value: '{}' });
  });

  test.each([
    [5, 'expected a duration such as 200ms, 5s or 1h30m, found a number'],
    ['5', 'expected a duration such as 200ms, 5s or 1h30m, found no unit'],
    ['48h', 'expected at most 24h'],
  ])('the timeout %j is refused with words that help', (timeout, message) => {
    expect(parse(route({ timeout })).diagnostics[0]?.message).toBe(message);
  });

  test('a change of host is refused with a hint to rewrite', () => {
    const { diagnostics } = parse(route({ requestHeaders: { set: { ':authority': 'a' } } }));
    expect(diagnostics[0]?.message).toBe('expected another header: use rewrite.hostname');
  });

  test('a key called __proto__ is refused wherever it stands', () => {
    const set = JSON.parse('{"__proto__": "x"}') as object;
    expect(found(route({ requestHeaders: { set } }))).toEqual([
      'Invalid spec.routes[0].requestHeaders.set.__proto__',
    ]);
  });

  test('everything that is wrong in several sections is found at once', () => {
    const spec = {
      targetRefs: [{ kind: 'Service' }],
      mode: 'x',
      routes: [{ timeout: 'x' }, { name: 'X' }],
      inbound: { mtls: { mode: 'x' }, authorization: { deny: [{ to: 1 }] } },
    };
    expect(found(spec)).toEqual([
      'Invalid spec.targetRefs[0].name',
      'Invalid spec.mode',
      'Invalid spec.routes[0].timeout',
      'Invalid spec.routes[1].name',
      'Invalid spec.inbound.mtls.mode',
      'Invalid spec.inbound.authorization.deny[0].to',
    ]);
  });
});

describe('what this version cannot carry out', () => {
  test.each<readonly [unknown, string]>([
    [
      { targetRefs: [namespace], telemetry: { accessLog: { mode: 'Errors', format: 'JSON' } } },
      'spec.telemetry.accessLog',
    ],
    [
      {
        targetRefs: [namespace],
        telemetry: { tracing: { samplePercent: 1, collector: { service: 'otel', port: 4317 } } },
      },
      'spec.telemetry.tracing',
    ],
  ])('%j is refused whole', (spec, field) => {
    expect(found(spec)).toEqual([`NotImplemented ${field}`]);
    expect(parse(spec).policy).toBeUndefined();
    expect(parse(spec).refused).toBeDefined();
  });
});

describe('what is known of a refused policy', () => {
  const bad = { typo: 1 };

  test.each<readonly [string, object, readonly [boolean, boolean]]>([
    ['mtls', { inbound: { mtls: { mode: 'x' } } }, [true, false]],
    ['authorization', { inbound: { authorization: { allow: [] } } }, [false, true]],
    ['a misspelled authorization', { inbound: { authorisation: {} } }, [false, true]],
    ['a misspelled inbound', { inbuond: { mtls: {} } }, [true, false]],
    ['an inbound that is not a map', { inbound: 'x' }, [true, true]],
    ['routes only', { routes: [] }, [false, false]],
    ['both, in Audit', { mode: 'Audit', inbound: { mtls: {}, authorization: {} } }, [false, false]],
    [
      'both, in a mode that is not one',
      { mode: 'audit', inbound: { mtls: {}, authorization: {} } },
      [true, true],
    ],
  ])('it spoke of %s', (_, sections, expected) => {
    const { refused } = parse({ targetRefs: [service], ...sections, ...bad });
    expect([refused?.spokeOfMtls, refused?.spokeOfAuthorization]).toEqual(expected);
  });

  test('the targets that can be read are known', () => {
    expect(parse({ targetRefs: [service], ...bad }).refused?.targets).toEqual([
      { kind: 'Service', namespace: 'shop', name: 'reviews' },
    ]);
  });

  test('with a target that cannot be read, nobody knows whom it was about', () => {
    const targetRefs = [service, { kind: 'Service', name: 7 }];
    expect(parse({ targetRefs, ...bad }).refused).not.toHaveProperty('targets');
    expect(parse(bad).refused).not.toHaveProperty('targets');
  });

  test('nobody can close what is not theirs', () => {
    const inboundOfAll = { inbound: { mtls: {}, authorization: {} } };
    expect(parse({ targetRefs: [{ kind: 'Mesh' }], ...inboundOfAll }).refused?.targets).toEqual([]);
    const foreign = { ...service, namespace: 'other' };
    expect(parse({ targetRefs: [foreign], ...inboundOfAll }).refused?.targets).toEqual([]);
    const all = [{ kind: 'Namespace', selector }];
    expect(parse({ targetRefs: all, ...inboundOfAll }).refused?.targets).toEqual([]);
  });

  test('an object without a usable name gives diagnostics only', () => {
    const object = {
      apiVersion: 'skerry.dev/v1alpha1',
      kind: 'TrafficPolicy',
      metadata: { name: 'a/b' },
    };
    const parsed = parseTrafficPolicy(object, { rootNamespace: 'skerry-system' });
    expect(parsed).not.toHaveProperty('refused');
    expect(parsed.diagnostics.map(({ code, field }) => [code, field])).toEqual([
      ['NotAnObject', 'metadata.name'],
    ]);
  });
});
