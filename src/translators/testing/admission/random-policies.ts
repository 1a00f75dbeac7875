/** Random policies with all of `inbound` and some of everything else, whole and broken. */
import fc from 'fast-check';
import type { FromEntry, Inbound, Issuer, Policy, Rule, Target } from './admission-model.js';
import { namespaces, rootNamespace } from './small-mesh.js';

const one = fc.constantFrom;
const some = <T>(...values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.subarray([...values], { minLength: 1 });
/** There in so many of ten cases. */
const inTen = <T>(share: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: share, arbitrary }, { weight: 10 - share, arbitrary: fc.constant(undefined) });

type Whole<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without what is undefined. */
function whole<T extends object>(value: T): Whole<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined),
  ) as unknown as Whole<T>;
}

const selector = one(
  { matchLabels: { env: 'prod' } },
  { matchLabels: { team: 'one' } },
  { matchLabels: { env: 'none' } },
);

const plainEntry: fc.Arbitrary<FromEntry> = fc.oneof(
  one('red', 'blue', 'nobody').map((namespace) => ({ namespace })),
  one('red/one', 'red/two', 'blue/one').map((serviceAccount) => ({ serviceAccount })),
  one(
    'spiffe://cluster.local/ns/red/*',
    'spiffe://cluster.local/ns/red/sa/t*',
    'spiffe://cluster.local/*',
    'spiffe://other.domain/*',
  ).map((spiffe) => ({ spiffe })),
  selector.map((namespaceSelector) => ({ namespaceSelector })),
  one('127.66.1.0/30', '127.66.1.2/32', '127.66.9.0/24', '127.66.0.0/16').map((cidr) => ({ cidr })),
);

const entry: fc.Arbitrary<FromEntry> = fc.oneof(
  { weight: 4, arbitrary: plainEntry },
  { weight: 1, arbitrary: fc.tuple(plainEntry, plainEntry).map(([a, b]) => ({ ...a, ...b })) },
  { weight: 1, arbitrary: plainEntry.map((other) => ({ not: [other] })) },
  {
    weight: 1,
    arbitrary: fc.tuple(plainEntry, plainEntry).map(([own, other]) => ({ ...own, not: [other] })),
  },
  { weight: 1, arbitrary: plainEntry.map((other) => ({ not: [{ not: [other] }] })) },
);

const operation = fc
  .record(
    {
      ports: some(8080, 7000, 9001, 9999),
      methods: some('GET', 'POST'),
      paths: some('/a', '/a/*', '/api/*', '/*'),
    },
    { requiredKeys: [] },
  )
  .filter((each) => Object.keys(each).length > 0);

const issuerNames = ['https://sso.local', 'https://partner.local'] as const;

const condition = fc.oneof(
  fc.record({ header: one('x-env', 'x-user'), values: some('prod', 'te*', '*') }),
  fc.record(
    { claim: one('groups', 'level'), issuer: one(...issuerNames), values: some('staff', 'l*') },
    { requiredKeys: ['claim', 'values'] },
  ),
);

/** A rule of `allow` or `deny`. */
export const rule: fc.Arbitrary<Rule> = fc.record(
  {
    from: fc.array(entry, { minLength: 1, maxLength: 3 }),
    to: fc.array(operation, { minLength: 1, maxLength: 2 }),
    when: fc.array(condition, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);

const denyRule = rule.filter(({ from, to }) => from !== undefined && to !== undefined);

const authorization: fc.Arbitrary<NonNullable<Inbound['authorization']>> = fc
  .record({
    default: inTen(5, one('Allow', 'Allow', 'Allow', 'Deny', 'Inherit')),
    deny: inTen(4, fc.array(denyRule, { maxLength: 2 })),
    allow: inTen(5, fc.array(rule, { maxLength: 3 })),
  })
  .map(whole);

/** The key set of an issuer, with its name as the key's and a key that is nobody's. */
function keysOf(issuer: string): string {
  return JSON.stringify({
    keys: [
      {
        ...{ kty: 'EC', kid: issuer, crv: 'P-256' },
        // RFC 7517, appendix A.1.
        x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
        y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
      },
    ],
  });
}

const issuer: fc.Arbitrary<Issuer> = fc
  .record({
    name: one(...issuerNames),
    audiences: inTen(5, one(['shop'], ['else', 'shop'], ['else'])),
    isAbsent: fc.nat({ max: 4 }),
  })
  .map(({ name, audiences, isAbsent }) =>
    whole({
      ...{ issuer: name, audiences },
      jwks: isAbsent === 0 ? { configMap: 'absent' } : { inline: keysOf(name) },
    }),
  );

const jwt = fc
  .record({
    issuers: inTen(
      8,
      fc.uniqueArray(issuer, { maxLength: 2, selector: ({ issuer: name }) => name }),
    ),
    required: inTen(6, fc.boolean()),
  })
  .map(whole);

const mode = one('Strict' as const, 'Permissive' as const, 'Disabled' as const);

const mtls: fc.Arbitrary<NonNullable<Inbound['mtls']>> = fc
  .record({
    mode: inTen(7, mode),
    ports: inTen(4, fc.dictionary(one('8080', '7000', '9999'), mode, { minKeys: 1, maxKeys: 2 })),
    floor: inTen(4, fc.boolean()),
  })
  .map(whole)
  // A floor of nothing is refused.
  .map(({ floor, ...says }) => (Object.keys(says).length === 0 ? {} : whole({ ...says, floor })));

const inbound: fc.Arbitrary<Inbound> = fc
  .record({
    mtls: inTen(4, mtls),
    authorization: inTen(6, authorization),
    jwt: inTen(2, jwt),
    rateLimit: inTen(1, fc.constant({ requests: 100, per: '1s', burst: 5 })),
    connections: inTen(1, fc.constant({ max: 100 })),
  })
  .map(whole);

const outbound = {
  timeouts: { request: '15s', idle: '1h' },
  retries: { attempts: 3, retryOn: ['connect-failure'] },
  connections: { max: 10 },
  loadBalancing: { algorithm: 'RoundRobin' },
};

const routes = [
  {
    ...{ name: 'beta', timeout: '5s' },
    matches: [{ path: { type: 'PathPrefix', value: '/a' }, from: [{ namespace: 'red' }] }],
    backends: [
      { service: 'also', port: 81, weight: 1 },
      { service: 'absent', port: 80, weight: 1 },
    ],
  },
  { name: 'rest', backends: [{ subset: { app: 'app' } }] },
];

/** Targets, and what else such a policy may say. */
const aim: fc.Arbitrary<Pick<Policy, 'namespace' | 'targets' | 'rest'>> = fc.oneof(
  one(rootNamespace).chain((namespace) =>
    fc
      .oneof(
        fc.constant<Target[]>([{ kind: 'Mesh' }]),
        selector.map((each): Target[] => [{ kind: 'Namespace', selector: each }]),
      )
      .map((targets) => ({ namespace, targets })),
  ),
  ...['red', 'red', 'blue'].map((namespace) =>
    fc
      .oneof(
        fc.constant<Target[]>([{ kind: 'Namespace' }]),
        some<Target>(
          { kind: 'Service', name: 'app' },
          { kind: 'Service', name: 'also' },
          { kind: 'Service', name: 'app', sectionName: 'http' },
          { kind: 'Service', name: 'also', sectionName: 'tcp-db' },
          { kind: 'Service', name: 'raw' },
          { kind: 'Service', name: 'absent' },
          { kind: 'Service', name: 'app', sectionName: 'absent' },
        ),
        some<Target>(
          { kind: 'Pod', selector: { matchLabels: { app: 'app' } } },
          { kind: 'Pod', selector: { matchLabels: { tier: 'back' } } },
          { kind: 'Pod', selector: { matchLabels: { app: 'absent' } } },
        ),
      )
      .chain((targets) => {
        const isService = targets[0]?.kind === 'Service';
        const rests = isService ? [undefined, { routes }, { outbound }] : [undefined, { outbound }];
        return one(...rests).map((rest) => whole({ namespace, targets, rest }));
      }),
  ),
);

const policy: fc.Arbitrary<Omit<Policy, 'name' | 'age'>> = fc
  .record({
    aim,
    mode: one('Enforce', 'Enforce', 'Enforce', 'Enforce', 'Audit', 'Disabled', undefined),
    inbound: inTen(9, inbound),
  })
  .map(({ aim: head, ...says }) => whole({ ...head, ...says }));

/** What is wrong with an object, and what it is about all the same. */
interface Fault {
  readonly breaks: (spec: Spec) => Spec;
  /** Its targets as others see them; absent: those that it has. */
  readonly targets?: readonly Target[];
}

/** `spec`, as far as it is one. */
export type Spec = Readonly<Record<string, unknown>>;

const inside = (spec: Spec, key: string, more: object): Spec => {
  const former = spec[key];
  const isMap = typeof former === 'object' && former !== null;
  return { ...spec, [key]: { ...(isMap ? former : {}), ...more } };
};
const inAuthorization = (spec: Spec, more: object): Spec => {
  const former = (spec['inbound'] as Spec | undefined)?.['authorization'] as object | undefined;
  return inside(spec, 'inbound', { authorization: { ...former, ...more } });
};

const faults: readonly Fault[] = [
  { breaks: (spec) => ({ ...spec, extra: 1 }) },
  { breaks: (spec) => ({ ...spec, constructor: {} }) },
  { breaks: (spec) => ({ ...spec, mode: 'Enforced' }) },
  { breaks: (spec) => ({ ...spec, routes: null }) },
  { breaks: (spec) => ({ ...spec, inbound: 'everything' }) },
  { breaks: (spec) => inside(spec, 'outbound', { timeouts: { request: 'soon' } }) },
  { breaks: (spec) => inside(spec, 'inbound', { extra: true }) },
  { breaks: (spec) => inside(spec, 'inbound', { mtls: { mode: 'strict' } }) },
  { breaks: (spec) => inside(spec, 'inbound', { connections: { max: 0 } }) },
  { breaks: (spec) => inside(spec, 'inbound', { authorisation: { default: 'Deny' } }) },
  { breaks: (spec) => inside(spec, 'inbound', { jwt: { issuers: [{ issuer: 'a' }] } }) },
  { breaks: (spec) => inside(spec, 'inbound', { mtls: { ports: { http: 'Strict' } } }) },
  { breaks: (spec) => inAuthorization(spec, { default: 'Maybe' }) },
  { breaks: (spec) => inAuthorization(spec, { allow: [{ from: [] }] }) },
  { breaks: (spec) => inAuthorization(spec, { deny: [{ to: [{ paths: ['a*b'] }] }] }) },
  {
    breaks: (spec) => ({ ...spec, targetRefs: [{ kind: 'Pot' }] }),
    targets: [{ kind: 'Namespace' }],
  },
  {
    breaks: (spec) =>
      Object.fromEntries(Object.entries(spec).filter(([key]) => key !== 'targetRefs')),
    targets: [{ kind: 'Namespace' }],
  },
];

/** The object of a policy; the broken form of a refused one stands beside it. */
export function toSpec({ mode, targets, inbound: says, rest }: Policy): Spec {
  return whole({ targetRefs: targets, mode, inbound: says, ...rest });
}

/** A policy and the object that says so. */
export interface Written {
  readonly policy: Policy;
  readonly spec: Spec;
}

/** The manifest of what is written. */
export function toManifest({ policy: { namespace, name, age }, spec }: Written): object {
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1) + age * 1000).toISOString();
  return {
    ...{ apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy' },
    metadata: { name, namespace, creationTimestamp: creationTimestamp.replace('.000', '') },
    spec,
  };
}

/** How many ways there are to break an object. */
export const faultCount: number = faults.length;

/** Breaks an object in one way. */
export function breakPolicy({ policy: intact, spec }: Written, way: number): Written {
  const fault = faults[way % faults.length];
  if (fault === undefined) throw new Error('no such fault');
  const broken = fault.breaks(spec);
  const says = broken['inbound'];
  const keys = typeof says === 'object' && says !== null ? Object.keys(says) : [];
  const isUnreadable = typeof says === 'string';
  const isModeKnown = broken['mode'] === intact.mode;
  return {
    spec: broken,
    policy: {
      ...intact,
      // A mode that cannot be read does not take a policy out of force.
      mode: isModeKnown ? (intact.mode ?? 'Enforce') : 'Enforce',
      targets: fault.targets ?? intact.targets,
      refused: {
        mtls: isUnreadable || keys.includes('mtls'),
        authorization:
          isUnreadable ||
          ['authorization', 'authorisation', 'jwt'].some((key) => keys.includes(key)),
      },
    },
  };
}

/** Whether the object's targets can be read, broken as it may be. */
export function hasReadableTargets({ policy: { targets }, spec }: Written): boolean {
  return spec['targetRefs'] === targets;
}

/** Sets of policies, each with a name and an age of its own; some are broken. */
export const policies: fc.Arbitrary<readonly Written[]> = fc
  .array(fc.tuple(policy, fc.nat({ max: faultCount * 8 }), fc.nat({ max: 999 })), {
    minLength: 1,
    maxLength: 8,
    size: 'max',
  })
  .map((list) =>
    list.map(([head, way, age], index): Written => {
      const named = { ...head, name: `p${String(index)}`, age: age * 10 + index };
      const intact = { policy: named, spec: toSpec(named) };
      return way < faultCount ? breakPolicy(intact, way) : intact;
    }),
  );

/** A policy of the root namespace that only ever forbids. */
export const guardrail: fc.Arbitrary<Written> = fc
  .record({
    selector,
    inbound: one<Inbound>(
      { mtls: { mode: 'Strict', floor: true } },
      { mtls: { ports: { '8080': 'Strict' }, floor: true } },
      { authorization: { default: 'Deny' } },
      { authorization: { allow: [] } },
      { authorization: { deny: [{ from: [{ namespace: 'red' }] }] } },
      { authorization: { deny: [{ to: [{ paths: ['/a/*'] }] }] } },
      { jwt: { required: true } },
    ),
  })
  .map(({ selector: each, inbound: says }) => {
    const guard: Policy = {
      ...{ namespace: rootNamespace, name: 'guard', age: 0, inbound: says },
      targets: [{ kind: 'Namespace', selector: each }],
    };
    return { policy: guard, spec: toSpec(guard) };
  });

/** Names of the namespaces that are nobody's but their owners'. */
export const ownNamespaces: readonly string[] = Object.keys(namespaces).filter(
  (name) => name !== rootNamespace,
);
