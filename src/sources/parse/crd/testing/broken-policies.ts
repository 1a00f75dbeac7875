/** Policies that break a rule between fields, one for each rule. */

type Spec = Readonly<Record<string, unknown>>;

const service = { kind: 'Service', name: 'reviews' };
const pods = { kind: 'Pod', selector: { matchLabels: { app: 'reviews' } } };
const namespace = { kind: 'Namespace' };

const route = (fields: object): Spec => ({ targetRefs: [service], routes: [fields] });
const entry = { path: { value: '/a' } };

/** A spec that breaks one rule, the field that is named, and part of the message. */
export const brokenRules: readonly (readonly [Spec, string, string])[] = [
  [{ targetRefs: [service, namespace] }, 'spec', 'expected targets of one kind only'],
  [{ targetRefs: [namespace], routes: [{}] }, 'spec', 'routes have a meaning'],
  [
    { targetRefs: [service], outbound: { egress: { mode: 'AllowAny' } } },
    'spec',
    'outbound.egress has a meaning',
  ],
  [
    { targetRefs: [namespace], outbound: { egress: { mode: 'AllowAny', allow: [] } } },
    'spec.outbound.egress',
    'allow has a meaning with mode KnownOnly only',
  ],
  ...[{ host: 'a.example', cidr: '192.0.2.0/24' }, { ports: [443] }].map(
    (allowed): readonly [Spec, string, string] => [
      { targetRefs: [namespace], outbound: { egress: { allow: [allowed] } } },
      'spec.outbound.egress.allow[0]',
      'expected exactly one of host, cidr',
    ],
  ),
  ...(
    [
      ['192.0.2.1', 'expected a host name: an address is written as a cidr'],
      ['localhost', 'expected a host outside the pod'],
      ['*.localhost', 'expected a host outside the pod'],
    ] as const
  ).map(([host, says]): readonly [Spec, string, string] => [
    { targetRefs: [namespace], outbound: { egress: { allow: [{ host }] } } },
    'spec.outbound.egress.allow[0].host',
    says,
  ]),
  [{ targetRefs: [service], telemetry: {} }, 'spec', 'telemetry has a meaning'],
  [
    { targetRefs: [service], outbound: { timeouts: { idle: '2h' } } },
    'spec.outbound.timeouts.idle',
    'expected at most 1h, when the callee’s sidecar closes it',
  ],
  [
    {
      targetRefs: [service],
      inbound: { authorization: { allow: [{ when: [{ values: ['a'] }] }] } },
    },
    'spec.inbound.authorization.allow[0].when[0]',
    'expected exactly one of claim, header',
  ],
  [
    {
      targetRefs: [service],
      inbound: {
        authorization: { allow: [{ when: [{ header: 'x', issuer: 'y', values: ['a'] }] }] },
      },
    },
    'spec.inbound.authorization.allow[0].when[0]',
    'expected a claim that the issuer issues',
  ],
  [
    {
      targetRefs: [service],
      inbound: { jwt: { issuers: [{ issuer: 'a', jwks: {} }] } },
    },
    'spec.inbound.jwt.issuers[0].jwks',
    'expected exactly one of inline, configMap, url',
  ],
  [
    {
      targetRefs: [service],
      inbound: { jwt: { issuers: [{ issuer: 'a', jwks: { url: 'https://a.b/keys' } }] } },
    },
    'spec.inbound.jwt.issuers[0].jwks.url',
    'expected http://<service>.<namespace>[:<port>]/<path>',
  ],
  [
    {
      targetRefs: [service],
      inbound: {
        jwt: { issuers: [1, 2].map(() => ({ issuer: 'a', jwks: { configMap: 'b' } })) },
      },
    },
    'spec.inbound.jwt.issuers',
    'expected an issuer that no other entry has',
  ],
  [
    { targetRefs: [{ kind: 'Service' }] },
    'spec.targetRefs[0]',
    'a target of kind Service has a name',
  ],
  [{ targetRefs: [{ ...pods, name: 'a' }] }, 'spec.targetRefs[0]', 'the others have none'],
  [
    { targetRefs: [{ ...namespace, sectionName: 'http' }] },
    'spec.targetRefs[0]',
    'only a target of kind Service has namespace and sectionName',
  ],
  [{ targetRefs: [{ kind: 'Pod' }] }, 'spec.targetRefs[0]', 'a target of kind Pod has a selector'],
  [
    { targetRefs: [service], routes: [{ name: 'a' }, { name: 'a' }] },
    'spec.routes',
    'expected a name that no other entry has',
  ],
  ...['backends', 'rewrite', 'mirror', 'fault', 'timeout', 'retries', 'requestHeaders'].map(
    (name) => {
      const fault = { delay: { duration: '1s' } };
      const values: Spec = { backends: [], mirror: { service: 'a' }, fault, timeout: '1s' };
      const value = name === 'rewrite' ? { hostname: 'a' } : (values[name] ?? {});
      const spec = route({ redirect: { port: 80 }, [name]: value });
      return [spec, 'spec.routes[0]', `so ${name} has no meaning in it`] as const;
    },
  ),
  ...['rewrite', 'redirect'].map((name) => {
    const matches = [{ path: { type: 'Exact', value: '/a' } }];
    const spec = route({ matches, [name]: { path: { prefix: '/b' } } });
    return [spec, 'spec.routes[0]', `use ${name}.path.replace`] as const;
  }),
  [route({ backends: [{}] }), 'spec.routes[0].backends[0]', 'exactly one of service, subset'],
  [
    route({ backends: [{ subset: { a: 'b' }, port: 80 }] }),
    'spec.routes[0].backends[0]',
    'a subset is of the target itself',
  ],
  [
    route({ backends: [{ service: 'a', weight: 0 }] }),
    'spec.routes[0].backends',
    'expected weights whose sum is above 0',
  ],
  [
    route({ matches: [{ ...entry, headers: [{ name: 'a' }] }] }),
    'spec.routes[0].matches[0].headers[0]',
    'expected a value for every type but Present',
  ],
  [
    route({ matches: [{ queryParams: [{ name: 'a', type: 'Present', value: 'b' }] }] }),
    'spec.routes[0].matches[0].queryParams[0]',
    'expected a value for every type but Present',
  ],
  [
    route({ rewrite: { path: { prefix: '/', replace: '/' } } }),
    'spec.routes[0].rewrite.path',
    'expected exactly one of prefix, replace',
  ],
  [
    route({ redirect: { path: {} } }),
    'spec.routes[0].redirect.path',
    'expected exactly one of prefix, replace',
  ],
  [route({ rewrite: {} }), 'spec.routes[0].rewrite', 'expected path, hostname or both'],
  [
    route({ redirect: { statusCode: 301 } }),
    'spec.routes[0].redirect',
    'expected at least one of scheme, hostname, path, port',
  ],
  ...[
    { rateLimit: { requests: 1 }, message: 'expected requests and per together' },
    {
      rateLimit: { burst: 1, perIdentity: { requests: 1, per: '1s' } },
      message: 'expected requests and per beside burst',
    },
    { rateLimit: {}, message: 'expected requests and per, perIdentity, or all of them' },
  ].map(({ rateLimit, message }) => {
    const spec = { targetRefs: [service], inbound: { rateLimit } };
    return [spec, 'spec.inbound.rateLimit', message] as const;
  }),
  [
    { targetRefs: [service], inbound: { rateLimit: { requests: 1, per: '20ms' } } },
    'spec.inbound.rateLimit.per',
    'expected at least 50ms',
  ],
  [route({ fault: {} }), 'spec.routes[0].fault', 'expected delay, abort or both'],
  [
    route({ fault: { abort: { percent: 1 } } }),
    'spec.routes[0].fault.abort',
    'expected httpStatus, grpcStatus or both',
  ],
  [
    route({ retries: { backoff: { base: '2s', max: '1s' } } }),
    'spec.routes[0].retries.backoff',
    'expected max not shorter than base',
  ],
  ...[{}, { header: 'a', sourceIP: true }].map((hashOn) => {
    const spec = { targetRefs: [service], outbound: { loadBalancing: { hashOn } } };
    const message = 'expected exactly one of header, cookie, sourceIP, queryParam';
    return [spec, 'spec.outbound.loadBalancing.hashOn', message] as const;
  }),
  [
    { targetRefs: [service], outbound: { connections: { tcpKeepalive: '1500ms' } } },
    'spec.outbound.connections.tcpKeepalive',
    'expected whole seconds',
  ],
  [
    {
      targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'a' } } }],
      outbound: { tls: { mode: 'Simple', credential: { secret: 'a' } } },
    },
    'spec.outbound.tls',
    'credential has a meaning with mode Mutual only',
  ],
  [
    { targetRefs: [service], outbound: { tls: { mode: 'None', sni: 'a.example' } } },
    'spec.outbound.tls',
    'sni and caBundle have a meaning with mode Simple and Mutual only',
  ],
  [
    { targetRefs: [service], outbound: { tls: { credential: { secret: 'a' } } } },
    'spec',
    'outbound.tls.credential is of callers',
  ],
  [
    { targetRefs: [namespace], inbound: { mtls: { floor: true } } },
    'spec.inbound.mtls',
    'expected a mode or ports that the floor holds',
  ],
  [
    { targetRefs: [namespace], inbound: { mtls: { ports: { '65536': 'Strict' } } } },
    'spec.inbound.mtls',
    'expected port numbers from 1 to 65535',
  ],
  ...['allow', 'deny'].map((name) => {
    const rules = [{ name: 'a' }, { name: 'a' }];
    const spec = { targetRefs: [namespace], inbound: { authorization: { [name]: rules } } };
    const field = `spec.inbound.authorization.${name}`;
    return [spec, field, 'expected a name that no other entry has'] as const;
  }),
  [route({ timeout: '5x' }), 'spec.routes[0].timeout', 'expected a duration such as 200ms, 5s'],
  [route({ timeout: '25h' }), 'spec.routes[0].timeout', 'expected at most 24h'],
  [
    route({ retries: { perTryTimeout: '0s' } }),
    'spec.routes[0].retries.perTryTimeout',
    'expected more than 0s',
  ],
];
