/** Rules between fields that the API server checks, in CEL; each says the same as the parser does. */
import { fieldAt } from './field-table.js';
import type { CelRule } from './texts.js';

const withoutRedirect = [
  'backends',
  'rewrite',
  'mirror',
  'fault',
  'timeout',
  'retries',
  'requestHeaders',
];

const anyOf = (names: readonly string[]): string =>
  names.map((name) => `has(self.${name})`).join(' || ');

/** Lists whose entries have names: 64 entries make 4,096 comparisons at most, 256 make 65,536. */
const uniqueNames: CelRule = {
  rule: 'self.all(a, !has(a.name) || self.exists_one(b, has(b.name) && b.name == a.name))',
  message: 'expected a name that no other entry has',
};

const oneKind = (kinds: readonly string[]): string =>
  `self.targetRefs.all(t, ${kinds.map((kind) => `t.kind == '${kind}'`).join(' || ')})`;

const textMatch: readonly CelRule[] = [
  {
    rule: "has(self.type) && self.type == 'Present' ? !has(self.value) : has(self.value)",
    message: 'expected a value for every type but Present, which has none',
  },
];

const prefixChange = (name: string): CelRule => ({
  rule: `!(has(self.${name}) && has(self.${name}.path) && has(self.${name}.path.prefix)) || !has(self.matches) || self.matches.all(m, !has(m.path) || !has(m.path.type) || m.path.type == 'PathPrefix')`,
  message: `only a prefix that was matched can be replaced: use ${name}.path.replace, or make the matches PathPrefix`,
});

const specRules: readonly CelRule[] = [
  {
    rule: 'self.targetRefs.all(t, t.kind == self.targetRefs[0].kind)',
    message: 'expected targets of one kind only: write one policy for each kind of target',
  },
  {
    rule: `!has(self.routes) || ${oneKind(['Service'])}`,
    message: 'routes have a meaning for targets of kind Service only',
  },
  {
    rule: `!has(self.outbound) || !has(self.outbound.egress) || ${oneKind(['Namespace', 'Mesh'])}`,
    message: 'outbound.egress has a meaning for targets of kind Namespace or Mesh only',
  },
  {
    rule: "!has(self.outbound) || !has(self.outbound.tls) || !has(self.outbound.tls.credential) || self.targetRefs.all(t, t.kind == 'Pod' || (t.kind == 'Service' && has(t.namespace)))",
    message:
      'outbound.tls.credential is of callers: it has a meaning for targets of kind Pod, and of kind Service with the namespace of another, only',
  },
  {
    rule: `!has(self.telemetry) || ${oneKind(['Namespace', 'Mesh', 'Pod'])}`,
    message: 'telemetry has a meaning for targets of kind Namespace, Mesh or Pod only',
  },
];

const targetRules: readonly CelRule[] = [
  {
    rule: "self.kind == 'Service' ? has(self.name) : !has(self.name)",
    message: 'a target of kind Service has a name, the others have none',
  },
  {
    rule: "self.kind == 'Service' || (!has(self.namespace) && !has(self.sectionName))",
    message: 'only a target of kind Service has namespace and sectionName',
  },
  {
    rule: "self.kind == 'Pod' ? has(self.selector) : (self.kind == 'Namespace' || !has(self.selector))",
    message: 'a target of kind Pod has a selector, one of kind Namespace may have, the others none',
  },
];

const routeRules: readonly CelRule[] = [
  ...withoutRedirect.map((name) => ({
    rule: `!has(self.redirect) || !has(self.${name})`,
    message: `a route with redirect forwards nothing, so ${name} has no meaning in it: remove ${name} or redirect`,
  })),
  prefixChange('rewrite'),
  prefixChange('redirect'),
];

const backendRules: readonly CelRule[] = [
  {
    rule: 'has(self.service) != has(self.subset)',
    message: 'expected exactly one of service, subset',
  },
  {
    rule: '!has(self.subset) || (!has(self.namespace) && !has(self.port))',
    message: 'a subset is of the target itself, so it has no namespace and no port',
  },
];

const backendsRules: readonly CelRule[] = [
  {
    rule: 'size(self) == 0 || self.exists(b, !has(b.weight) || b.weight > 0)',
    message: 'expected weights whose sum is above 0',
  },
];

const faultRules: readonly CelRule[] = [
  { rule: anyOf(['delay', 'abort']), message: 'expected delay, abort or both' },
];

const abortRules: readonly CelRule[] = [
  { rule: anyOf(['httpStatus', 'grpcStatus']), message: 'expected httpStatus, grpcStatus or both' },
];

const rateLimitRules: readonly CelRule[] = [
  { rule: 'has(self.requests) == has(self.per)', message: 'expected requests and per together' },
  {
    rule: '!has(self.burst) || has(self.requests)',
    message: 'expected requests and per beside burst',
  },
  {
    rule: anyOf(['requests', 'perIdentity']),
    message: 'expected requests and per, perIdentity, or all of them',
  },
];

const mtlsRules: readonly CelRule[] = [
  {
    rule: '!has(self.floor) || !self.floor || has(self.mode) || (has(self.ports) && size(self.ports) > 0)',
    message: 'expected a mode or ports that the floor holds',
  },
  {
    // No `matches` here: keys have no bound on their length that the cost estimate would know.
    rule: '!has(self.ports) || self.ports.all(p, size(p) <= 5 && int(p) >= 1 && int(p) <= 65535)',
    message: 'expected port numbers from 1 to 65535 as the keys of ports',
  },
];

const whenRules: readonly CelRule[] = [
  {
    rule: 'has(self.claim) != has(self.header)',
    message: 'expected exactly one of claim, header',
  },
  {
    rule: '!has(self.issuer) || has(self.claim)',
    message: 'expected a claim that the issuer issues',
  },
];

const issuersRules: readonly CelRule[] = [
  {
    rule: 'self.all(a, self.exists_one(b, b.issuer == a.issuer))',
    message: 'expected an issuer that no other entry has',
  },
];

const jwksRules: readonly CelRule[] = [
  {
    rule: '[has(self.inline), has(self.configMap), has(self.url)].filter(x, x).size() == 1',
    message: 'expected exactly one of inline, configMap, url',
  },
];

const tlsRules: readonly CelRule[] = [
  {
    rule: "!has(self.mode) || self.mode == 'Mutual' || !has(self.credential)",
    message: 'credential has a meaning with mode Mutual only',
  },
  {
    rule: "!has(self.mode) || self.mode == 'Simple' || self.mode == 'Mutual' || (!has(self.sni) && !has(self.caBundle))",
    message: 'sni and caBundle have a meaning with mode Simple and Mutual only',
  },
];

const backoffRules: readonly CelRule[] = [
  {
    rule: '!has(self.base) || !has(self.max) || duration(self.base) <= duration(self.max)',
    message: 'expected max not shorter than base',
  },
];

const exactlyOneHash: CelRule = {
  rule: '[has(self.header), has(self.cookie), has(self.sourceIP), has(self.queryParam)].filter(x, x).size() == 1',
  message: 'expected exactly one of header, cookie, sourceIP, queryParam',
};

const egressRules: readonly CelRule[] = [
  {
    rule: "!has(self.allow) || !has(self.mode) || self.mode == 'KnownOnly'",
    message: 'allow has a meaning with mode KnownOnly only: AllowAny lets every call pass',
  },
];

const egressAllowRules: readonly CelRule[] = [
  { rule: 'has(self.host) != has(self.cidr)', message: 'expected exactly one of host, cidr' },
];

const exactlyOneChange: CelRule = {
  rule: 'has(self.prefix) != has(self.replace)',
  message: 'expected exactly one of prefix, replace',
};

/** By the end of the path; the longest that fits wins. */
export const celRules: Readonly<Record<string, readonly CelRule[]>> = {
  spec: specRules,
  'targetRefs[]': targetRules,
  routes: [uniqueNames],
  'routes[]': routeRules,
  backends: backendsRules,
  'backends[]': backendRules,
  'headers[]': textMatch,
  'queryParams[]': textMatch,
  'rewrite.path': [exactlyOneChange],
  'redirect.path': [exactlyOneChange],
  rewrite: [{ rule: anyOf(['path', 'hostname']), message: 'expected path, hostname or both' }],
  redirect: [
    {
      rule: anyOf(['scheme', 'hostname', 'path', 'port']),
      message: 'expected at least one of scheme, hostname, path, port',
    },
  ],
  'routes[].fault': faultRules,
  'fault.abort': abortRules,
  backoff: backoffRules,
  'loadBalancing.hashOn': [exactlyOneHash],
  'outbound.egress': egressRules,
  'egress.allow[]': egressAllowRules,
  'inbound.rateLimit': rateLimitRules,
  'outbound.tls': tlsRules,
  mtls: mtlsRules,
  'when[]': whenRules,
  'jwt.issuers': issuersRules,
  'issuers[].jwks': jwksRules,
  'authorization.allow': [uniqueNames],
  'authorization.deny': [uniqueNames],
};

/** Bounds beyond the parser's schemas, where it checks by function or a rule's cost must be bounded. */
export const bounds: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'path.value': { minLength: 1, maxLength: 4096 },
  // An empty entry would mean everybody. Not in CEL: the list is too deep for its cost.
  'from[]': { minProperties: 1 },
  'not[]': { minProperties: 1 },
  'to[]': { minProperties: 1 },
  'Headers.set': { maxProperties: 64 },
  'Headers.add': { maxProperties: 64 },
  'issuers[].claimToHeaders': { maxProperties: 64 },
  'mtls.ports': { maxProperties: 256 },
};

/** The rules at a path such as `spec.routes[].backends[]`; none where there are none. */
export function celRulesAt(path: string): readonly CelRule[] {
  return fieldAt(celRules, path) ?? [];
}
