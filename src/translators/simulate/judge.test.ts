/** Who is let in, case by case and by law. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type {
  AuthorizationIr,
  AuthorizationRuleIr,
  CallerIr,
  CallerTermIr,
  InboundPortIr,
  OperationIr,
} from '../../ir/index.js';
import { spiffeId } from '../../model/index.js';
import { judge, type CallerView, type OperationView } from './judge.js';

const web = spiffeId('cluster.local', 'web', 'front');
const cart = spiffeId('cluster.local', 'shop', 'cart');

const inWeb: CallerTermIr = {
  kind: 'identity',
  match: 'prefix',
  value: 'spiffe://cluster.local/ns/web/sa/',
};
const isCart: CallerTermIr = { kind: 'identity', match: 'exact', value: cart };
const inTen: CallerTermIr = { kind: 'cidr', cidr: '10.0.0.0/8' };
const inSix: CallerTermIr = { kind: 'cidr', cidr: 'fd00::/8' };

function from(...terms: readonly CallerTermIr[]): CallerIr {
  return { all: terms.map((term) => [term]), not: [] };
}

function rule(name: string, parts: Partial<AuthorizationRuleIr> = {}): AuthorizationRuleIr {
  const object = `TrafficPolicy ${name}`;
  return {
    name,
    from: [],
    to: [],
    when: [],
    alsoWithoutIdentity: false,
    origins: [{ object }],
    ...parts,
  };
}

function rules(parts: Partial<AuthorizationIr> = {}): AuthorizationIr {
  return {
    deny: [],
    allow: [],
    otherwise: { verdict: 'allow', name: '', origins: [] },
    ...parts,
  };
}

const otherwiseDeny: AuthorizationIr['otherwise'] = {
  verdict: 'deny',
  name: 'shop/reviews/allow',
  origins: [{ object: 'TrafficPolicy shop/reviews' }],
};

function port(http: AuthorizationIr, parts: Partial<InboundPortIr> = {}): InboundPortIr {
  const object = 'Service shop/reviews';
  const base = { port: 80, protocol: 'http', mtls: 'Permissive' } as const;
  return { ...base, http, tcp: http, origins: [{ object }], ...parts };
}

const overMtls: CallerView = { spiffeId: web, ip: '10.1.2.3', usesMtls: true };
const plaintext: CallerView = { ip: '10.1.2.3', usesMtls: false };
const get: OperationView = { method: 'GET', path: '/api/items?x=1', headers: {}, isHttp: true };

function verdictOf(authorization: AuthorizationIr, caller = overMtls, request = get): string {
  const { verdict, by } = judge(port(authorization), caller, request);
  return `${verdict} by ${by}`;
}

describe('mutual TLS', () => {
  test.each<[InboundPortIr['mtls'], string, CallerView, string]>([
    ['Strict', 'mTLS', overMtls, 'admitted'],
    ['Strict', 'plaintext', plaintext, 'refused at TLS'],
    ['Strict', 'a claimed identity', { ...plaintext, spiffeId: web }, 'refused at TLS'],
    ['Strict', 'a certificate without identity', { ip: '::1', usesMtls: true }, 'refused at TLS'],
    ['Permissive', 'mTLS', overMtls, 'admitted'],
    ['Permissive', 'plaintext', plaintext, 'refused'],
    ['Permissive', 'a claimed identity', { ...plaintext, spiffeId: web }, 'refused'],
    ['Disabled', 'mTLS', overMtls, 'refused'],
    ['Disabled', 'plaintext', plaintext, 'refused'],
  ])('%s, where only an identity is allowed, met with %s', (mtls, _, caller, verdict) => {
    const onlyWeb = rules({
      allow: [rule('shop/reviews/web', { from: [from(inWeb)] })],
      otherwise: otherwiseDeny,
    });
    expect(judge(port(onlyWeb, { mtls }), caller, get).verdict).toBe(verdict);
  });

  test('Disabled refuses nothing by itself', () => {
    for (const caller of [overMtls, plaintext]) {
      expect(judge(port(rules(), { mtls: 'Disabled' }), caller, get).verdict).toBe('admitted');
    }
  });

  test("a refusal names the port's objects, since no rule decided", () => {
    expect(judge(port(rules(), { mtls: 'Strict' }), plaintext, get)).toEqual({
      verdict: 'refused at TLS',
      by: '',
      origins: [{ object: 'Service shop/reviews' }],
      reason: 'mTLS is Strict and the call is plaintext',
      steps: ['mTLS is Strict and the call is plaintext'],
    });
  });
});

describe('which rules apply', () => {
  const http = rules({ deny: [rule('http')] });
  const tcp = rules({ deny: [rule('tcp')] });

  test.each<[InboundPortIr['protocol'], InboundPortIr['mtls'], OperationView | undefined, string]>([
    ['http', 'Strict', get, 'http'],
    ['http', 'Strict', { ...get, isHttp: false }, 'tcp'],
    ['http', 'Strict', undefined, 'tcp'],
    ['tcp', 'Strict', get, 'tcp'],
    ['sniff', 'Strict', get, 'http'],
    ['sniff', 'Strict', { ...get, isHttp: false }, 'tcp'],
    // The sidecar sees ciphertext that it hands on.
    ['http', 'Disabled', get, 'tcp'],
  ])('%s port, mTLS %s, %j: %s', (protocol, mtls, request, by) => {
    expect(judge(port(http, { tcp, protocol, mtls }), overMtls, request).by).toBe(by);
  });
});

describe('the order of rules', () => {
  const deny = [rule('b/deny', { from: [from(inWeb)] }), rule('a/deny', { from: [from(inTen)] })];
  const allow = [rule('allow', { from: [from(inWeb)] })];

  test.each<[string, AuthorizationIr, string]>([
    ['nobody spoke', rules(), 'admitted by '],
    ['deny beats allow, the first by name', rules({ deny, allow }), 'refused by a/deny'],
    ['allow beats otherwise', rules({ allow, otherwise: otherwiseDeny }), 'admitted by allow'],
    ['otherwise decides', rules({ otherwise: otherwiseDeny }), 'refused by shop/reviews/allow'],
    [
      'a deny that does not match is passed over',
      rules({ deny: [rule('other', { from: [from(isCart)] })], allow }),
      'admitted by allow',
    ],
  ])('%s', (_, authorization, outcome) => {
    expect(verdictOf(authorization)).toBe(outcome);
  });

  test('the steps tell the way and the origins who decided', () => {
    const outcome = judge(port(rules({ allow, otherwise: otherwiseDeny })), plaintext, get);
    expect(outcome).toEqual({
      verdict: 'refused',
      by: 'shop/reviews/allow',
      origins: [{ object: 'TrafficPolicy shop/reviews' }],
      steps: [
        'mTLS is Permissive and the call is plaintext',
        'HTTP rules apply',
        'none of 0 deny rules matches',
        'none of 1 allow rules matches',
        'otherwise: deny',
      ],
    });
  });
});

describe('callers', () => {
  test.each<[string, CallerIr, CallerView, boolean]>([
    ['identity by prefix', from(inWeb), overMtls, true],
    ['identity, exact', from(isCart), { ...overMtls, spiffeId: cart }, true],
    ['identity, other', from(isCart), overMtls, false],
    ['identity without mTLS', from(inWeb), { ...plaintext, spiffeId: web }, false],
    ['address', from(inTen), plaintext, true],
    ['address outside', from(inTen), { ...plaintext, ip: '11.0.0.1' }, false],
    ['address of IPv6', from(inSix), { ...plaintext, ip: 'fd12::7' }, true],
    ['address of the other family', from(inSix), plaintext, false],
    ['conditions together, both hold', from(inWeb, inTen), overMtls, true],
    ['conditions together, one fails', from(inWeb, isCart), overMtls, false],
    ['alternatives of one condition', { all: [[isCart, inWeb]], not: [] }, overMtls, true],
    ['no alternative at all', { all: [[]], not: [] }, overMtls, false],
    ['but for one', { all: [[inTen]], not: [from(inWeb)] }, overMtls, false],
    ['but for another', { all: [[inTen]], not: [from(isCart)] }, overMtls, true],
    ['all but', { all: [], not: [from(isCart)] }, overMtls, true],
  ])('%s', (_, entry, caller, isMet) => {
    const only = rules({ allow: [rule('r', { from: [entry] })], otherwise: otherwiseDeny });
    expect(judge(port(only), caller, get).verdict).toBe(isMet ? 'admitted' : 'refused');
  });

  test.each<[string, CallerView, boolean]>([
    ['the identity it names', overMtls, true],
    ['no identity', plaintext, true],
    ['another identity', { ...overMtls, spiffeId: cart }, false],
  ])('a deny that names an identity refuses %s: %j', (_, caller, isRefused) => {
    const deny = [rule('d', { from: [from(inWeb)], alsoWithoutIdentity: true })];
    expect(verdictOf(rules({ deny }), caller)).toBe(isRefused ? 'refused by d' : 'admitted by ');
  });
});

describe('operations', () => {
  test.each<[string, readonly OperationIr[], Partial<OperationView>, boolean]>([
    ['method', [{ methods: ['POST', 'GET'], paths: [] }], {}, true],
    ['method, other', [{ methods: ['POST'], paths: [] }], {}, false],
    ['path, without the query', [{ methods: [], paths: ['/api/items'] }], {}, true],
    ['path with a star', [{ methods: [], paths: ['/api/*'] }], {}, true],
    ['path with a star, shorter', [{ methods: [], paths: ['/api/*'] }], { path: '/api' }, false],
    ['every path', [{ methods: [], paths: ['*'] }], {}, true],
    ['path in disguise', [{ methods: [], paths: ['/api/*'] }], { path: '/x/..//%61pi/1' }, true],
    ['one of two fails', [{ methods: ['POST'], paths: ['/api/*'] }], {}, false],
    [
      'alternatives',
      [
        { methods: ['POST'], paths: [] },
        { methods: [], paths: ['/api/*'] },
      ],
      {},
      true,
    ],
  ])('%s', (_, to, change, isMet) => {
    const outcome = verdictOf(rules({ deny: [rule('d', { to })] }), overMtls, {
      ...get,
      ...change,
    });
    expect(outcome).toBe(isMet ? 'refused by d' : 'admitted by ');
  });

  test('a path that hides a slash is refused before any rule', () => {
    expect(verdictOf(rules(), overMtls, { ...get, path: '/a%2f..%2fadmin' })).toBe('refused by ');
  });

  test('conditions that slipped into TCP rules never admit and always refuse', () => {
    const to = [{ methods: ['GET'], paths: [] }];
    const slipped = { protocol: 'tcp' } as const;
    const allow = rules({ allow: [rule('a', { to })], otherwise: otherwiseDeny });
    expect(judge(port(allow, slipped), overMtls, get).verdict).toBe('refused');
    expect(judge(port(rules({ deny: [rule('d', { to })] }), slipped), overMtls).by).toBe('d');
  });
});

describe('laws', () => {
  const anyTerm = fc.constantFrom(inWeb, isCart, inTen, inSix);
  const anyEntry: fc.Arbitrary<CallerIr> = fc.record({
    all: fc.array(fc.array(anyTerm, { maxLength: 2 }), { maxLength: 2 }),
    not: fc.array(fc.record({ all: fc.array(fc.tuple(anyTerm)), not: fc.constant([]) }), {
      maxLength: 1,
    }),
  });
  const anyRule: fc.Arbitrary<AuthorizationRuleIr> = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    from: fc.array(anyEntry, { maxLength: 2 }),
    to: fc.array(
      fc.record({
        methods: fc.subarray(['GET', 'POST']),
        paths: fc.subarray(['/api/*', '/admin', '*']),
      }),
      { maxLength: 2 },
    ),
    when: fc.array(
      fc.record({
        kind: fc.constant('header' as const),
        name: fc.constant('x-env'),
        values: fc.subarray(['prod', 'pro*', '*'], { minLength: 1 }),
      }),
      { maxLength: 1 },
    ),
    alsoWithoutIdentity: fc.boolean(),
    origins: fc.constant([]),
  });
  const anyRules: fc.Arbitrary<AuthorizationIr> = fc.record({
    deny: fc.array(anyRule, { maxLength: 2 }),
    allow: fc.array(anyRule, { maxLength: 2 }),
    otherwise: fc.record({
      verdict: fc.constantFrom('allow', 'deny'),
      name: fc.constant('otherwise'),
      origins: fc.constant([]),
    }),
  });
  const anyPort: fc.Arbitrary<InboundPortIr> = fc.record({
    protocol: fc.constantFrom('http', 'tcp', 'sniff'),
    mtls: fc.constantFrom('Strict', 'Permissive', 'Disabled'),
    http: anyRules,
    tcp: anyRules,
    origins: fc.constant([]),
  });
  const anyCaller: fc.Arbitrary<CallerView> = fc.record({
    spiffeId: fc.constantFrom(web, cart),
    ip: fc.constantFrom('10.1.1.1', '192.168.0.1', 'fd00::1'),
    usesMtls: fc.boolean(),
  });
  const anyRequest: fc.Arbitrary<OperationView> = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT'),
    path: fc.constantFrom('/api/x', '/admin', '/', '/a/../admin', '/a%2fb'),
    headers: fc.constantFrom({}, { 'x-env': 'prod' }, { 'x-env': 'test, prod' }),
    isHttp: fc.boolean(),
  });

  function admits(one: InboundPortIr, caller: CallerView, request: OperationView): boolean {
    return judge(one, caller, request).verdict === 'admitted';
  }

  /** The same port with a rule more at `index` of a list, HTTP and TCP. */
  function add(
    one: InboundPortIr,
    list: 'deny' | 'allow',
    added: AuthorizationRuleIr,
    index: number,
  ): InboundPortIr {
    const grow = (old: AuthorizationIr): AuthorizationIr => ({
      ...old,
      [list]: old[list].toSpliced(index, 0, added),
    });
    return { ...one, http: grow(one.http), tcp: grow(one.tcp) };
  }

  test('under Strict no plaintext call is admitted', () => {
    fc.assert(
      fc.property(anyPort, anyCaller, anyRequest, (one, caller, request) => {
        const strict = { ...one, mtls: 'Strict' } as const;
        const verdict = judge(strict, { ...caller, usesMtls: false }, request);
        expect(verdict.verdict).toBe('refused at TLS');
      }),
      { numRuns: 300 },
    );
  });

  test('one more deny rule never admits more', () => {
    fc.assert(
      fc.property(
        anyPort,
        anyRule,
        fc.nat(2),
        anyCaller,
        anyRequest,
        (one, added, index, caller, request) => {
          fc.pre(admits(add(one, 'deny', added, index), caller, request));
          expect(admits(one, caller, request)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('one more allow rule never refuses more', () => {
    fc.assert(
      fc.property(
        anyPort,
        anyRule,
        fc.nat(2),
        anyCaller,
        anyRequest,
        (one, added, index, caller, request) => {
          fc.pre(admits(one, caller, request));
          expect(admits(add(one, 'allow', added, index), caller, request)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('the order of rules decides nothing', () => {
    fc.assert(
      fc.property(anyPort, anyCaller, anyRequest, (one, caller, request) => {
        const turn = (old: AuthorizationIr): AuthorizationIr => ({
          ...old,
          deny: old.deny.toReversed(),
          allow: old.allow.toReversed(),
        });
        const turned = { ...one, http: turn(one.http), tcp: turn(one.tcp) };
        expect(judge(turned, caller, request).verdict).toBe(judge(one, caller, request).verdict);
      }),
      { numRuns: 300 },
    );
  });
});
