/** What is refused in the fields of a TrafficPolicy but for its routes, and where it is said to be. */
import { describe, expect, test } from '@jest/globals';
import { allow, found, inbound, outbound, service } from './testing/refused-policies.js';

describe('fields', () => {
  test.each<readonly [unknown, readonly string[]]>([
    [{ targetRefs: [service], mode: 'Off' }, ['Invalid spec.mode']],
    [{ targetRefs: [service], route: [] }, ['Invalid spec.route']],
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
