/** Policies in which every field occurs. */

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
