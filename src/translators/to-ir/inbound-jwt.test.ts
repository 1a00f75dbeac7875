/** Tokens and claims: whose settings hold on a port, and what rules make of claims there. */
import { describe, expect, test } from '@jest/globals';
import { typeUrls } from '../../envoy/index.js';
import type { InboundPortIr } from '../../ir/index.js';
import {
  keySetKey,
  type AuthorizationRule,
  type JwtIssuer,
  type JwtSetting,
  type KeySet,
  type PolicyTarget,
  type TrafficPolicy,
} from '../../model/index.js';
import type { Pipeline } from '../index.js';
import { aPod, aPolicy, aService, aSlice, compile } from '../testing/mesh-builder.js';

const cart = aPod('cart', { ips: ['10.1.0.1'], labels: { app: 'cart' } });
const ports = [
  { name: 'http', port: 80, transport: 'TCP', protocol: 'http' },
  { name: 'db', port: 81, transport: 'TCP', protocol: 'tcp' },
] as const;
const world = [
  cart,
  aService('cart', { ports }),
  aSlice('cart', ['10.1.0.1'], {
    ports: [
      { name: 'http', port: 8080 },
      { name: 'db', port: 5432 },
    ],
  }),
];

const mesh: PolicyTarget = { kind: 'Mesh' };
const service: PolicyTarget = { kind: 'Service', namespace: 'shop', name: 'cart' };
const section: PolicyTarget = { ...service, sectionName: 'http' };
const dbOnly: PolicyTarget = { ...service, sectionName: 'db' };

function on(target: PolicyTarget, name: string, fields: Partial<TrafficPolicy>): TrafficPolicy {
  const namespace = target.kind === 'Mesh' ? 'skerry-system' : 'shop';
  return aPolicy(name, { namespace, targets: [target], ...fields });
}

function issuer(name: string, fields: Partial<JwtIssuer> = {}): JwtIssuer {
  return {
    issuer: name,
    audiences: [],
    keys: { kind: 'inline', jwks: `{"keys":["${name}"]}` },
    forward: false,
    fromHeaders: ['authorization'],
    claimToHeaders: [],
    ...fields,
  };
}

const from = (...names: readonly string[]): JwtSetting => ({
  issuers: names.map((name) => issuer(name)),
});

function claims(
  list: 'allow' | 'deny',
  ...conditions: readonly { claim: string; issuer?: string }[]
): Pick<TrafficPolicy, 'authorization'> {
  const rule: AuthorizationRule = {
    name: 'r',
    from: [],
    to: [],
    when: conditions.map((one) => ({ kind: 'claim', values: ['x'], ...one })),
  };
  return { authorization: { default: 'Inherit', deny: [], [list]: [rule] } };
}

function portOf(pipeline: Pipeline, port: number | undefined): InboundPortIr {
  const found = pipeline.inbound(cart.key)?.ports.find((each) => each.port === port);
  if (found === undefined) throw new Error(`no port ${String(port)}`);
  return found;
}

function found(pipeline: Pipeline, policy: string): readonly string[] {
  return (pipeline.diagnostics().get(`TrafficPolicy ${policy}`) ?? []).map(
    ({ code, severity, field }) => `${severity} ${code} ${field ?? ''}`,
  );
}

const rulesOf = (port: InboundPortIr, list: 'allow' | 'deny'): readonly string[] =>
  port.http[list].map(({ name }) => name);

describe('settings of tokens', () => {
  test('are merged leaf by leaf, the nearer target winning', () => {
    const pipeline = compile(
      ...world,
      on(mesh, 'm', { jwt: { ...from('far'), required: true } }),
      on(section, 's', { jwt: from('near') }),
    );
    const near = portOf(pipeline, 8080).jwt;
    expect(near).toMatchObject({ name: 'shop/s/jwt', isRequired: true });
    expect(near?.issuers.map((one) => one.issuer)).toEqual(['near']);
    const others = portOf(pipeline, undefined).jwt;
    expect(others?.issuers.map((one) => one.issuer)).toEqual(['far']);
  });

  test('that need no token and have no issuer are none', () => {
    const pipeline = compile(...world, on(service, 's', { jwt: { issuers: [], required: false } }));
    expect(portOf(pipeline, 8080).jwt).toBeUndefined();
    expect(portOf(pipeline, 8080).tcp.deny).toEqual([]);
  });

  test('of the younger of two equal objects are said to be in vain', () => {
    const pipeline = compile(
      ...world,
      on(service, 'old', { creationTimestampMs: 1, jwt: from('a') }),
      on(service, 'young', { creationTimestampMs: 2, jwt: { ...from('b'), required: true } }),
    );
    expect(portOf(pipeline, 8080).jwt?.issuers.map((one) => one.issuer)).toEqual(['a']);
    expect(portOf(pipeline, 8080).jwt?.isRequired).toBe(true);
    expect(found(pipeline, 'shop/young')).toContain('error Conflicted spec.inbound.jwt.issuers');
  });

  test('refuse what may be HTTP and is not taken for it', () => {
    const pipeline = compile(...world, on(service, 's', { jwt: from('a') }));
    for (const port of [8080, undefined]) {
      expect(portOf(pipeline, port).tcp.deny).toMatchObject([
        { name: 'shop/s/jwt', from: [], to: [], when: [] },
      ]);
    }
  });

  test('leave a TCP port alone, and say so', () => {
    const pipeline = compile(...world, on(service, 's', { jwt: { ...from('a'), required: true } }));
    expect(portOf(pipeline, 5432)).toMatchObject({ tcp: { deny: [] } });
    expect(portOf(pipeline, 5432).jwt).toBeUndefined();
    expect(found(pipeline, 'shop/s')).toEqual(['warning HttpRuleOnTcpPort spec.inbound.jwt']);
  });

  test('that require a token where nothing carries HTTP admit nobody there', () => {
    const pipeline = compile(...world, on(dbOnly, 's', { jwt: { ...from('a'), required: true } }));
    expect(portOf(pipeline, 5432).tcp.deny).toMatchObject([{ name: 'shop/s/jwt', when: [] }]);
    expect(portOf(pipeline, 8080).tcp.deny).toEqual([]);
  });

  test('that require a token of nobody refuse all, and say so', () => {
    const pipeline = compile(...world, on(service, 's', { jwt: { required: true } }));
    expect(portOf(pipeline, 8080).http.deny).toMatchObject([
      { name: 'shop/s/jwt', when: [{ kind: 'token', problem: { kind: 'missing', issuers: [] } }] },
    ]);
    expect(found(pipeline, 'shop/s')).toContain('error NoUsableKey spec.inbound.jwt.required');
  });

  test('in Audit are not applied', () => {
    const pipeline = compile(
      ...world,
      on(service, 's', { mode: 'Audit', jwt: { ...from('a'), required: true } }),
    );
    expect(portOf(pipeline, 8080).jwt).toBeUndefined();
    expect(portOf(pipeline, 8080).http.deny).toEqual([]);
    expect(found(pipeline, 'shop/s')).toEqual(['warning AuditOnly spec.inbound.jwt']);
  });
});

describe('keys in a ConfigMap', () => {
  const keySet = (fields: Partial<KeySet>): KeySet => ({
    kind: 'KeySet',
    key: keySetKey('shop', 'sso'),
    ...fields,
  });
  const inMap = issuer('a', { keys: { kind: 'configMap', name: 'sso' } });
  const policy = on(service, 's', { jwt: { issuers: [inMap, issuer('b')] } });
  const keysOf = (pipeline: Pipeline): readonly unknown[] =>
    portOf(pipeline, 8080).jwt?.issuers.map(({ jwks }) => jwks) ?? [];
  const change = (pipeline: Pipeline, row: KeySet | undefined) =>
    pipeline.apply({ keySets: new Map([[keySetKey('shop', 'sso'), row]]) });

  test('are those of the policy’s namespace', () => {
    const pipeline = compile(...world, policy);
    pipeline.apply({
      keySets: new Map([
        [keySetKey('web', 'sso'), keySet({ key: keySetKey('web', 'sso'), jwks: 'theirs' })],
        [keySetKey('shop', 'sso'), keySet({ jwks: 'ours' })],
      ]),
    });
    expect(keysOf(pipeline)).toEqual(['ours', '{"keys":["b"]}']);
    expect(found(pipeline, 'shop/s').join()).not.toContain('NoUsableKey');
  });

  test('that nobody refers to change nothing', () => {
    const pipeline = compile(...world, on(service, 's', { jwt: from('b') }));
    expect(change(pipeline, keySet({ jwks: 'ours' })).resources).toEqual([]);
  });

  test('follow the ConfigMap, and nothing but the configuration of tokens is sent', () => {
    const pipeline = compile(...world, policy);
    change(pipeline, keySet({ jwks: 'old' }));
    const { resources } = change(pipeline, keySet({ jwks: 'new' }));
    expect(resources.map(({ typeUrl, name }) => [typeUrl.split('.').at(-1), name])).toEqual([
      ['TypedExtensionConfig', 'inbound/jwt'],
    ]);
    expect(keysOf(pipeline)[0]).toBe('new');
  });

  test.each([
    ['that is not there', undefined, 'there is no ConfigMap shop/sso'],
    ['without a usable key', keySet({}), 'ConfigMap shop/sso has no usable key'],
  ])('of a ConfigMap %s are none, for that issuer alone', (_what, row, says) => {
    const pipeline = compile(...world, policy);
    change(pipeline, keySet({ jwks: 'old' }));
    change(pipeline, row);
    expect(keysOf(pipeline)).toEqual([undefined, '{"keys":["b"]}']);
    const diagnostics = pipeline.diagnostics().get('TrafficPolicy shop/s') ?? [];
    expect(diagnostics.find(({ code }) => code === 'NoUsableKey')).toMatchObject({
      severity: 'error',
      field: 'spec.inbound.jwt.issuers[0].jwks.configMap',
      value: 'sso',
      message: expect.stringContaining(says),
    });
  });
});

describe('keys by URL', () => {
  const source = { url: 'http://sso/keys', name: 'sso', port: 80, path: '/keys' };
  const policy = on(service, 's', {
    jwt: { issuers: [issuer('a', { keys: { kind: 'url', from: source } })] },
  });
  const clusters = (pipeline: Pipeline): readonly string[] =>
    pipeline.resources(cart.key).flatMap(({ typeUrl, name, scope, resource }) => {
      const isMeant = typeUrl === typeUrls.cluster && name.includes('/sso');
      return isMeant ? [`${scope} ${resource?.isEager === true ? 'eager' : ''} ${name}`] : [];
    });

  test('are fetched by a cluster that the workload has before anybody asks', () => {
    const pipeline = compile(...world, aService('sso'), aSlice('sso', ['10.1.0.9']), policy);
    expect(portOf(pipeline, 8080).jwt?.issuers[0]?.fetched).toMatchObject({
      url: 'http://sso/keys',
      service: 'shop/sso',
      cluster: 'http|shop/sso:80',
    });
    expect(clusters(pipeline)).toEqual(['pod/shop/cart eager http|shop/sso:80']);
    expect(found(pipeline, 'shop/s')).toEqual(['warning HttpRuleOnTcpPort spec.inbound.jwt']);
    pipeline.apply({ policies: new Map([[policy.key, undefined]]) });
    expect(clusters(pipeline)).toEqual([]);
  });

  test('are those of the namespace that the URL names', () => {
    const away = { ...source, url: 'http://sso.other/keys', namespace: 'other' };
    const pipeline = compile(
      ...world,
      aService('sso', { namespace: 'other' }),
      on(service, 's', {
        jwt: { issuers: [issuer('a', { keys: { kind: 'url', from: away } })] },
      }),
    );
    expect(clusters(pipeline)).toEqual(['pod/shop/cart eager http|other/sso:80']);
  });

  const tcp = { name: 'db', port: 80, transport: 'TCP', protocol: 'tcp' } as const;
  test.each<readonly [string, readonly ReturnType<typeof aService>[], string]>([
    ['that is not there', [], 'there is no Service shop/sso'],
    ['without the port', [aService('sso', { ports: [] })], 'Service shop/sso has no port 80'],
    ['that speaks TCP', [aService('sso', { ports: [tcp] })], 'is declared tcp'],
  ])('of a Service %s are asked for all the same, and the policy says so', (_what, more, says) => {
    const pipeline = compile(...world, ...more, policy);
    expect(clusters(pipeline)).toEqual(['pod/shop/cart eager http|shop/sso:80']);
    const diagnostics = pipeline.diagnostics().get('TrafficPolicy shop/s') ?? [];
    expect(diagnostics.find(({ code }) => code === 'NoUsableKey')).toMatchObject({
      severity: 'error',
      field: 'spec.inbound.jwt.issuers[0].jwks.url',
      value: 'http://sso/keys',
      message: expect.stringContaining(says),
    });
  });
});

describe('a claim', () => {
  test('is that of the only issuer', () => {
    const pipeline = compile(
      ...world,
      on(service, 's', { jwt: from('a'), ...claims('allow', { claim: 'g' }) }),
    );
    expect(portOf(pipeline, 8080).http.allow).toMatchObject([
      { when: [{ kind: 'claim', claim: 'g', issuers: ['a'] }] },
    ]);
  });

  test('is that of the issuer named', () => {
    const pipeline = compile(
      ...world,
      on(service, 's', { jwt: from('a', 'b'), ...claims('allow', { claim: 'g', issuer: 'b' }) }),
    );
    expect(portOf(pipeline, 8080).http.allow).toMatchObject([{ when: [{ issuers: ['b'] }] }]);
    expect(found(pipeline, 'shop/s').filter((one) => one.startsWith('error'))).toEqual([]);
  });

  test('of one of several, not named, admits nobody and refuses for any of them', () => {
    const tokens = on(service, 'tokens', { jwt: from('a', 'b') });
    const allow = compile(...world, tokens, on(service, 's', claims('allow', { claim: 'g' })));
    expect(rulesOf(portOf(allow, 8080), 'allow')).toEqual([]);
    expect(portOf(allow, 8080).http.otherwise.verdict).toBe('deny');
    expect(found(allow, 'shop/s')).toContain(
      'error ClaimNotVerifiable spec.inbound.authorization.allow[0].when[0]',
    );
    const deny = compile(...world, tokens, on(service, 's', claims('deny', { claim: 'g' })));
    expect(portOf(deny, 8080).http.deny.at(-1)).toMatchObject({
      name: 'shop/s/r',
      when: [{ issuers: ['a', 'b'] }],
    });
  });

  test('of an issuer that is not set admits nobody and refuses nobody', () => {
    const tokens = on(service, 'tokens', { jwt: from('a') });
    for (const list of ['allow', 'deny'] as const) {
      const pipeline = compile(
        ...world,
        tokens,
        on(service, 's', claims(list, { claim: 'g', issuer: 'z' })),
      );
      expect(rulesOf(portOf(pipeline, 8080), list)).not.toContain('shop/s/r');
      expect(found(pipeline, 'shop/s')).toContain(
        `error ClaimNotVerifiable spec.inbound.authorization.${list}[0].when[0]`,
      );
    }
  });

  test('that nobody vouches for admits nobody', () => {
    const pipeline = compile(...world, on(service, 's', claims('allow', { claim: 'g' })));
    expect(rulesOf(portOf(pipeline, 8080), 'allow')).toEqual([]);
    expect(portOf(pipeline, 8080).http.otherwise.verdict).toBe('deny');
  });

  test('that nobody vouches for refuses at a target of its own, and not from a wider one', () => {
    const near = compile(...world, on(service, 's', claims('deny', { claim: 'g' })));
    expect(portOf(near, 8080).http.deny).toMatchObject([{ name: 'shop/s/r', when: [] }]);
    const wide = compile(...world, on(mesh, 'm', claims('deny', { claim: 'g' })));
    expect(portOf(wide, 8080).http.deny).toEqual([]);
    expect(found(wide, 'skerry-system/m')).toContain(
      'error ClaimNotVerifiable spec.inbound.authorization.deny[0].when[0]',
    );
  });

  test('in a deny rule where no token is required is warned of', () => {
    const rules = claims('deny', { claim: 'g' });
    const optional = compile(...world, on(service, 's', { jwt: from('a'), ...rules }));
    expect(found(optional, 'shop/s')).toContain(
      'warning TokenNotRequired spec.inbound.authorization.deny[0].when[0]',
    );
    const required = { ...from('a'), required: true };
    const strict = compile(...world, on(service, 's', { jwt: required, ...rules }));
    expect(found(strict, 'shop/s').join()).not.toContain('TokenNotRequired');
  });

  test('on a TCP port is a condition on HTTP like any other', () => {
    const pipeline = compile(
      ...world,
      on(dbOnly, 'd', claims('deny', { claim: 'g' })),
      on(dbOnly, 'a', claims('allow', { claim: 'g' })),
    );
    expect(portOf(pipeline, 5432).tcp).toMatchObject({
      deny: [{ name: 'shop/d/r', when: [] }],
      allow: [],
      otherwise: { verdict: 'deny' },
    });
  });
});
