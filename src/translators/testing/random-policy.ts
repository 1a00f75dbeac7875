/** Random TrafficPolicies about the pools of a random mesh. */
import fc from 'fast-check';
import {
  keySetKey,
  policyKey,
  type AuthorizationRule,
  type CallerRule,
  type FaultSetting,
  type JwtKeys,
  type JwtSetting,
  type KeySet,
  type MtlsMode,
  type PolicyTarget,
  type RateLimitSetting,
  type RouteRule,
} from '../../model/index.js';
import type { PolicyForm } from '../index.js';
import { age, labels, namespace, one, serviceName } from './random-pools.js';
import { outboundSettings } from './random-settings.js';

const issuers = ['https://sso.local', 'https://partner.local'] as const;
/** The key of RFC 7517, appendix A.1. */
const jwks = JSON.stringify({
  keys: [
    {
      ...{ kty: 'EC', crv: 'P-256' },
      x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
      y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
    },
  ],
});

const caller: fc.Arbitrary<CallerRule> = fc
  .record({
    all: fc.array(
      fc.oneof(
        namespace.map((name) => ({ kind: 'namespace' as const, namespace: name })),
        namespace.map((name) => ({
          kind: 'serviceAccount' as const,
          namespace: name,
          name: 'sa',
        })),
        one('spiffe://cluster.local/ns/a/*', 'spiffe://cluster.local/ns/b/sa/sa').map(
          (pattern) => ({ kind: 'spiffe' as const, pattern }),
        ),
        one('10.1.0.0/30', 'fd00::/64').map((cidr) => ({ kind: 'cidr' as const, cidr })),
        labels.map((matchLabels) => ({ kind: 'namespaceSelector' as const, matchLabels })),
      ),
      { minLength: 1, maxLength: 2 },
    ),
    not: fc.constant([] as readonly CallerRule[]),
  })
  .chain((rule) =>
    fc
      .boolean()
      .map((negates) => (negates ? { ...rule, not: [{ all: rule.all, not: [] }] } : rule)),
  );

const serviceTarget: fc.Arbitrary<PolicyTarget> = fc.record(
  {
    kind: fc.constant('Service' as const),
    namespace,
    name: serviceName,
    sectionName: one('one', 'two'),
  },
  { requiredKeys: ['kind', 'namespace', 'name'] },
);

const target: fc.Arbitrary<PolicyTarget> = fc.oneof(
  serviceTarget,
  serviceTarget,
  serviceTarget,
  fc.record({ kind: fc.constant('Pod' as const), selector: labels }),
  fc.record(
    { kind: fc.constant('Namespace' as const), selector: labels },
    { requiredKeys: ['kind'] },
  ),
  fc.constant({ kind: 'Mesh' as const }),
);

const reference = fc.record(
  { namespace, name: serviceName, port: one(80, 81, 99) },
  { requiredKeys: ['namespace', 'name'] },
);

const route: fc.Arbitrary<RouteRule> = fc
  .record({
    matches: fc.array(
      fc.record(
        {
          path: fc.record({ type: one('Exact', 'PathPrefix'), value: one('/x', '/y') }),
          headers: fc.constant([]),
          queryParams: fc.constant([]),
          from: fc.array(caller, { minLength: 1, maxLength: 2 }),
        },
        { requiredKeys: ['headers', 'queryParams'] },
      ),
      { maxLength: 2 },
    ),
    backends: fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('service' as const), ref: reference, weight: fc.nat(3) }),
        fc.record({ kind: fc.constant('subset' as const), labels, weight: fc.nat(3) }),
      ),
      { maxLength: 3 },
    ),
    mirror: fc.option(fc.record({ ref: reference, percent: fc.constant(5) })),
    fault: fc.option(
      one<FaultSetting>(
        { delay: { percent: 1, durationMs: 200 } },
        { abort: { percent: 100, httpStatus: 503, grpcStatus: 'UNAVAILABLE' } },
      ),
    ),
  })
  .map(({ mirror, fault, ...rest }) => ({
    name: 'rule-0',
    ...rest,
    ...(mirror === null ? {} : { mirror }),
    ...(fault === null ? {} : { fault }),
  }));

const rule: fc.Arbitrary<AuthorizationRule> = fc.record({
  name: one('one', 'two'),
  from: fc.array(caller, { maxLength: 2 }),
  to: fc.array(
    fc.record({
      ports: fc.subarray([8080, 3306]),
      methods: fc.subarray(['GET']),
      paths: fc.subarray(['/api/*']),
    }),
    { maxLength: 2 },
  ),
  when: fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('header' as const),
        name: fc.constant('x-env'),
        values: fc.constant(['prod']),
      }),
      fc.record(
        {
          kind: fc.constant('claim' as const),
          claim: fc.constant('groups'),
          issuer: one(...issuers),
          values: fc.constant(['staff']),
        },
        { requiredKeys: ['kind', 'claim', 'values'] },
      ),
    ),
    { maxLength: 1 },
  ),
});

const keysElsewhere: fc.Arbitrary<JwtKeys> = fc.oneof(
  fc.constant({ kind: 'configMap' as const, name: 'keys' }),
  fc.record({ name: serviceName, namespace, port: one(80, 81) }).map((at) => {
    const url = `http://${at.name}.${at.namespace}:${String(at.port)}/keys`;
    return { kind: 'url' as const, from: { url, path: '/keys', ...at } };
  }),
);

const jwt: fc.Arbitrary<JwtSetting> = fc.record(
  {
    issuers: fc.tuple(fc.subarray([...issuers]), keysElsewhere).map(([names, keys]) =>
      names.map((issuer) => ({
        issuer,
        audiences: [],
        keys: issuer === issuers[0] ? { kind: 'inline' as const, jwks } : keys,
        forward: false,
        fromHeaders: ['authorization'],
        claimToHeaders: [{ claim: 'sub', header: 'x-user' }],
      })),
    ),
    required: fc.boolean(),
  },
  { requiredKeys: [] },
);

const mode: fc.Arbitrary<MtlsMode> = one('Strict', 'Permissive', 'Disabled');

/** A ConfigMap that policies refer to, with keys or without. */
export const keySet: fc.Arbitrary<KeySet> = fc
  .record({ namespace, hasKeys: fc.boolean() })
  .map(({ namespace: own, hasKeys }) => ({
    kind: 'KeySet',
    key: keySetKey(own, 'keys'),
    ...(hasKeys ? { jwks } : {}),
  }));

const egress = fc
  .record(
    {
      mode: one('AllowAny' as const, 'KnownOnly' as const),
      allow: fc.array(
        fc.oneof(
          one('a.example', '*.b.example').map((host) => ({
            kind: 'host' as const,
            host,
            ports: [443],
          })),
          one('10.0.0.0/8', 'fd00::/8').map((cidr) => ({ kind: 'cidr' as const, cidr })),
        ),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: [] },
  )
  .filter(({ mode: own, allow }) => own !== 'AllowAny' || allow === undefined);

/** A policy in some form. */
export const policy: fc.Arbitrary<PolicyForm> = fc
  .record({
    namespace,
    name: one('x', 'y', 'z'),
    creationTimestampMs: age,
    hash: fc.nat().map(String),
    targets: fc.array(target, { minLength: 1, maxLength: 2 }),
    mode: one('Enforce', 'Enforce', 'Enforce', 'Enforce', 'Audit', 'Disabled'),
    isRefused: fc.nat({ max: 12 }).map((value) => value === 0),
    routes: fc.option(
      fc
        .array(route, { maxLength: 2 })
        .map((list) => list.map((each, index) => ({ ...each, name: `rule-${String(index)}` }))),
    ),
    mtls: fc.option(
      fc
        .record({ mode, port: mode, isFloor: fc.boolean() }, { requiredKeys: ['isFloor'] })
        .map(({ port, ...rest }) => ({
          ...rest,
          ports: new Map(port === undefined ? [] : [[8080, port] as const]),
        })),
    ),
    authorization: fc.option(
      fc.record(
        {
          default: one('Allow', 'Deny', 'Inherit'),
          deny: fc.uniqueArray(rule, { maxLength: 1, selector: ({ name }) => name }),
          allow: fc.uniqueArray(rule, { maxLength: 2, selector: ({ name }) => name }),
        },
        { requiredKeys: ['default', 'deny'] },
      ),
    ),
    jwt: fc.option(jwt),
    inboundConnections: fc.option(fc.record({ max: one(1, 10) })),
    rateLimit: fc.option(
      one<RateLimitSetting>(
        { total: { requests: 100, perMs: 1000, burst: 20 } },
        { perIdentity: { requests: 5, perMs: 1000 } },
      ),
    ),
    egress: fc.option(egress),
    outbound: fc.option(outboundSettings),
  })
  .map(({ isRefused, routes, mtls, authorization, egress: out, mode: own, ...rest }) => {
    const { outbound: says, jwt: tokens, rateLimit, inboundConnections, ...head } = rest;
    const key = policyKey(head.namespace, head.name);
    if (isRefused) {
      return { kind: 'RefusedPolicy', key, ...head, spokeOfMtls: true, spokeOfAuthorization: true };
    }
    return {
      kind: 'TrafficPolicy',
      key,
      ...head,
      mode: own,
      ...(routes === null ? {} : { routes }),
      ...(mtls === null ? {} : { mtls }),
      ...(authorization === null ? {} : { authorization }),
      ...(tokens === null ? {} : { jwt: tokens }),
      ...(rateLimit === null ? {} : { rateLimit }),
      ...(inboundConnections === null ? {} : { inboundConnections }),
      ...(out === null ? {} : { egress: out }),
      ...(says === null ? {} : { outbound: says }),
    };
  });
