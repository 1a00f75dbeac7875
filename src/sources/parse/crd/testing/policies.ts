/** Policies in which every field occurs, and for each rule between fields one that breaks it. */

type Spec = Readonly<Record<string, unknown>>;

const service = { kind: 'Service', name: 'reviews' };
const pods = { kind: 'Pod', selector: { matchLabels: { app: 'reviews' } } };
const namespace = { kind: 'Namespace' };

const callers = [
  { namespace: 'web' },
  { serviceAccount: 'shop/cart' },
  { spiffe: 'spiffe://cluster.local/ns/a/*' },
  { cidr: '10.0.0.0/8' },
  { namespaceSelector: { matchLabels: { env: 'prod' } } },
  {
    not: [
      { serviceAccount: 'shop/batch', namespace: 'shop' },
      { spiffe: 'spiffe://cluster.local/ns/b/sa/c', cidr: 'fd00::/8' },
      { namespaceSelector: { matchLabels: { env: 'test' } }, not: [{ namespace: 'lab' }] },
    ],
  },
];

const retries = {
  attempts: 2,
  retryOn: ['connect-failure', 'refused-stream', 'reset-before-request'],
  perTryTimeout: '2s',
  backoff: { base: '25ms', max: '250ms' },
  statusCodes: [503],
};

const headers = { set: { a: 'b' }, add: { c: 'd' }, remove: ['e'] };

const routes = [
  {
    name: 'beta',
    matches: [
      {
        path: { type: 'PathPrefix', value: '/v2' },
        method: 'GET',
        headers: [
          { name: 'x-user', type: 'Exact', value: 'beta' },
          { name: 'x-trace', type: 'Present' },
        ],
        queryParams: [{ name: 'debug', type: 'Exact', value: '1' }],
        from: callers,
      },
    ],
    backends: [
      { service: 'reviews-v2', namespace: 'shop', port: 80, weight: 10 },
      { subset: { version: 'v1' }, weight: 90 },
    ],
    rewrite: { path: { prefix: '/' }, hostname: 'reviews.internal' },
    requestHeaders: headers,
    responseHeaders: headers,
    mirror: { service: 'reviews-shadow', namespace: 'shop', port: 80, percent: 5 },
    fault: {
      delay: { percent: 1, duration: '200ms' },
      abort: { percent: 0.5, httpStatus: 503, grpcStatus: 'UNAVAILABLE' },
    },
    timeout: '5s',
    retries,
  },
  { rewrite: { path: { replace: '/x' } } },
  {
    matches: [{ path: { value: '/old' } }],
    redirect: {
      ...{ scheme: 'https', hostname: 'h', path: { prefix: '/new' }, port: 443 },
      statusCode: 301,
    },
    responseHeaders: headers,
  },
  { redirect: { path: { replace: '/x' } } },
];

const outbound = {
  timeouts: { connect: '1s', request: '15s', idle: '1h' },
  retries: { ...retries, budget: { percent: 20, minConcurrent: 3 } },
  loadBalancing: {
    algorithm: 'RingHash',
    hashOn: { header: 'x-user' },
    slowStart: '30s',
    locality: 'PreferZone',
    failover: [{ service: 'reviews-dr', namespace: 'shop', port: 80 }],
  },
  connections: {
    ...{ max: 1024, maxPending: 1024, maxRequests: 1024, maxRequestsPerConnection: 0 },
    tcpKeepalive: '60s',
  },
  outlierDetection: {
    ...{
      consecutive5xx: 5,
      consecutiveGatewayErrors: 5,
      successRate: { minimumHosts: 5, requestVolume: 100, stdevFactor: 1.9 },
      interval: '10s',
    },
    ...{ baseEjection: '30s', maxEjectedPercent: 50 },
  },
  tls: { mode: 'Simple', sni: 'reviews.example', caBundle: { configMap: 'ca' } },
};

const rule = {
  name: 'web-reads',
  from: callers,
  to: [{ ports: [8080], methods: ['GET'], paths: ['/api/*'] }],
  when: [
    { claim: 'groups', issuer: 'https://sso.local', values: ['staff'] },
    { header: 'x-env', values: ['prod'] },
  ],
};

const inbound = {
  mtls: { mode: 'Permissive', ports: { '9090': 'Strict' }, floor: false },
  authorization: { default: 'Inherit', deny: [rule], allow: [rule] },
  jwt: {
    issuers: [
      {
        ...{ issuer: 'https://sso.local', audiences: ['shop'], jwks: { configMap: 'sso-keys' } },
        ...{ forward: true, fromHeaders: ['x-jwt'], claimToHeaders: { sub: 'x-user' } },
      },
      { issuer: 'https://other.local', jwks: { inline: '{"keys":[]}' } },
      { issuer: 'https://third.local', jwks: { url: 'http://third.sso.svc:5556/keys' } },
    ],
    required: true,
  },
  rateLimit: { requests: 100, per: '1s', burst: 20, perIdentity: { requests: 20, per: '1s' } },
  connections: { max: 10_000 },
};

const telemetry = {
  accessLog: { mode: 'Errors', format: 'JSON' },
  tracing: {
    samplePercent: 1,
    collector: { service: 'otel-collector', namespace: 'observability', port: 4317 },
  },
};

const hashes = [
  { cookie: { name: 'session', ttl: '1h' } },
  { sourceIP: true },
  { queryParam: 'user' },
];

/** A caller's own word. */
const shown = { ...outbound, tls: { mode: 'Mutual', credential: { secret: 'client' } } };

/** Together they have every field of the schema. */
export const everything: readonly Spec[] = [
  { targetRefs: [{ ...service, sectionName: 'http' }], mode: 'Enforce', routes, outbound, inbound },
  {
    targetRefs: [{ ...service, namespace: 'other' }],
    ...{ mode: 'Audit', routes, outbound: shown },
  },
  { targetRefs: [pods], mode: 'Disabled', outbound: shown, inbound, telemetry },
  {
    targetRefs: [{ ...namespace, selector: { matchLabels: { env: 'prod' } } }],
    outbound: {
      egress: {
        mode: 'KnownOnly',
        allow: [
          { host: 'a.example', ports: [443] },
          { cidr: '192.0.2.0/24', ports: [443] },
        ],
      },
    },
    inbound,
  },
  { targetRefs: [{ kind: 'Mesh' }], outbound: { egress: { mode: 'AllowAny' } }, telemetry },
  ...hashes.map((hashOn) => ({
    targetRefs: [service],
    outbound: { loadBalancing: { algorithm: 'Maglev', hashOn } },
  })),
];

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
