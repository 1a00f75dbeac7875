/** Tokens under real requests: who gets in, what the app sees, and how keys change. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash, createPublicKey } from 'node:crypto';
import type { InboundPortIr, JwtIr, JwtIssuerIr, TokenProblem } from '../../ir/index.js';
import { spiffeId } from '../../model/index.js';
import { judge } from '../simulate/judge.js';
import { nobodysKeys } from './nobodys-key.js';
import { spellTokenConfig } from './spell.js';
import type { Certificate } from './testing/certificates.js';
import { dial, request } from './testing/clients.js';
import { exchange, headersOf, startBeforeOneApp, type OneAppEnvoy } from './testing/one-app.js';
import type { RealEnvoy } from './testing/real-envoy.js';
import { idOf, inboundPortOf, onlyAllow, open, rule } from './testing/samples.js';
import {
  confusedToken,
  inAnHour,
  keySet,
  makeTokenKey,
  unsignedToken,
  type TokenKey,
} from './testing/tokens.js';

const first = makeTokenKey('first');
const second = makeTokenKey('second', 'ES256');
const other = makeTokenKey('other');
const sso = 'https://sso.local';
const partner = 'https://partner.local';

function issuer(name: string, keys: readonly TokenKey[], more: Partial<JwtIssuerIr> = {}) {
  const jwks = keySet(...keys);
  const plain = { audiences: ['shop'], forward: false, fromHeaders: ['authorization'] };
  return { issuer: name, jwks, claimToHeaders: [], ...plain, ...more };
}

function withoutKeys({ issuer: name, ...rest }: JwtIssuerIr): JwtIssuerIr {
  const { audiences, forward, fromHeaders, claimToHeaders } = rest;
  return { issuer: name, audiences, forward, fromHeaders, claimToHeaders };
}

const toHeaders = [
  { claim: 'realm_access.roles', header: 'x-roles' },
  { claim: 'sub', header: 'x-user' },
];
const staffIssuers = (keys: readonly TokenKey[]): readonly JwtIssuerIr[] => [
  issuer(sso, keys, { claimToHeaders: toHeaders }),
  issuer(partner, [other], { forward: true }),
];

const refusal = (problem: TokenProblem) =>
  rule('shop/p/jwt', { when: [{ kind: 'token', problem }] });

/** A port whose rules are as they are compiled for these issuers. */
function portWith(port: number, jwt: Omit<JwtIr, 'name' | 'origins'>, http = open): InboundPortIr {
  const names = jwt.issuers.map((one) => one.issuer);
  const deny = [
    ...(jwt.isRequired ? [refusal({ kind: 'missing', issuers: names })] : []),
    refusal({ kind: 'ambiguous' }),
  ];
  return inboundPortOf({
    port,
    jwt: { name: 'shop/p/jwt', origins: [], ...jwt },
    http: { ...http, deny: [...deny, ...http.deny] },
  });
}

const claim = (name: string, values: readonly string[], issuers: readonly string[] = [sso]) => ({
  when: [{ kind: 'claim' as const, claim: name, issuers, values }],
});

const claims = {
  ...{ iss: sso, aud: ['shop', 'else'], sub: 'ann', exp: inAnHour() },
  ...{ groups: ['staff', 'blue'], scope: 'read write', level: 7, admin: true, mail: 'ann@x.local' },
  ...{ realm_access: { roles: ['manager'] }, 'https://x.y/z': 'dotted' },
};
const bearer = (token: string): string => `authorization: Bearer ${token}`;
const good = bearer(first.sign(claims));
const fromPartner = bearer(other.sign({ ...claims, iss: partner, sub: 'bob', groups: 'staff' }));

let running: OneAppEnvoy;
let envoy: RealEnvoy;
let certificate: Certificate;
let optional: InboundPortIr;
let required: InboundPortIr;
let keyless: InboundPortIr;
let custom: InboundPortIr;
let single: InboundPortIr;
let ruled: readonly InboundPortIr[];

/** One more port for each claim that is asked for. */
const asked: readonly (readonly [string, readonly string[], boolean])[] = [
  ['groups', ['staff'], true],
  ['groups', ['sta*'], true],
  ['groups', ['other', 'blue'], true],
  ['groups', ['taff'], false],
  ['scope', ['read'], true],
  ['scope', ['read write'], false],
  ['level', ['7'], true],
  ['level', ['70'], false],
  ['level', ['7*'], false],
  ['admin', ['true'], true],
  ['admin', ['false'], false],
  ['sub', ['*'], true],
  ['subject', ['*'], false],
  ['realm_access.roles', ['manager'], true],
  ['realm_access.roles', ['worker'], false],
  ['realm_access', ['manager'], false],
  ['https://x.y/z', ['dotted'], true],
  ['mail', ['ann@x.local'], true],
];

beforeAll(async () => {
  const issuers = staffIssuers([first]);
  const at = (index: number): number => 21_000 + index;
  optional = portWith(at(0), { issuers, isRequired: false });
  required = portWith(at(1), { issuers, isRequired: true });
  const [, known] = issuers;
  if (known === undefined) throw new Error('two issuers');
  keyless = portWith(at(2), {
    issuers: [withoutKeys(issuer(sso, [first])), known],
    isRequired: false,
  });
  custom = portWith(at(3), {
    issuers: [issuer(sso, [first], { fromHeaders: ['x-token'] })],
    isRequired: false,
  });
  single = {
    ...custom,
    port: at(4),
    ...(custom.jwt && { jwt: { ...custom.jwt, isRequired: true } }),
  };
  ruled = asked.map(([name, values], index) => {
    const rules = onlyAllow(rule('shop/p/a', claim(name, values)));
    return portWith(at(10 + index), { issuers, isRequired: false }, rules);
  });
  const ports = [optional, required, keyless, custom, single, ...ruled];
  const config = spellTokenConfig(ports);
  running = await startBeforeOneApp(ports, config === undefined ? [] : [config]);
  ({ envoy } = running);
  certificate = running.authority.issue('a', idOf('a'));
});

afterAll(() => running.close());

async function ask(
  { port = 0 }: InboundPortIr,
  lines: readonly string[],
  path?: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const envoyPort = envoy.port('inbound');
  return await exchange({
    envoyPort,
    port,
    certificate,
    lines,
    ...(path === undefined ? {} : { path }),
  });
}

/** What `skerry explain` says of the same request; it takes signatures and times for good. */
function judged(port: InboundPortIr, lines: readonly string[]): string {
  const caller = { spiffeId: spiffeId('cluster.local', 'a', 'a'), ip: '127.0.0.9', usesMtls: true };
  const operation = { method: 'GET', path: '/x', headers: headersOf(lines), isHttp: true };
  return judge(port, caller, operation).verdict;
}

describe('a token that is not good is refused, required or not', () => {
  const unnamed = { ...claims, iss: undefined };
  const endless = { ...claims, exp: undefined };
  const past = Math.floor(Date.now() / 1000) - 3600;
  test.each<
    readonly [string, string | readonly string[], number, 'judged' | 'by signature or time']
  >([
    ['of another issuer', bearer(first.sign({ ...claims, iss: 'https://evil' })), 401, 'judged'],
    ['for another audience', bearer(first.sign({ ...claims, aud: ['else'] })), 403, 'judged'],
    ['for no audience', bearer(first.sign({ ...claims, aud: undefined })), 403, 'judged'],
    ['without its issuer', bearer(first.sign(unnamed)), 401, 'judged'],
    ['that is no token', bearer('abc'), 401, 'judged'],
    ['with lower-case bearer', good.replace('Bearer', 'bearer'), 403, 'judged'],
    ['with a tab', good.replace('Bearer ', 'Bearer\t'), 403, 'judged'],
    ['forwarded beside another', fromPartner.replace('Bearer', 'Basic x, Bearer'), 403, 'judged'],
    ['twice', [good, good], 401, 'by signature or time'],
    [
      'twice, the first one good',
      [fromPartner, bearer(unsignedToken(claims))],
      401,
      'by signature or time',
    ],
    ['expired', bearer(first.sign({ ...claims, exp: past })), 401, 'by signature or time'],
    [
      'not yet valid',
      bearer(first.sign({ ...claims, nbf: inAnHour() })),
      401,
      'by signature or time',
    ],
    ['without expiry', bearer(first.sign(endless)), 401, 'by signature or time'],
    ['unsigned', bearer(unsignedToken(claims)), 401, 'by signature or time'],
    [
      'signed by HMAC with the public key',
      bearer(confusedToken(first, claims)),
      401,
      'by signature or time',
    ],
    ['signed by an unknown key', bearer(second.sign(claims)), 401, 'by signature or time'],
    ['signed by another issuer', bearer(other.sign(claims)), 401, 'by signature or time'],
    ['changed', `${good.slice(0, -2)}AA`, 401, 'by signature or time'],
  ])('%s', async (_what, header, status, basis) => {
    const lines = typeof header === 'string' ? [header] : header;
    const { status: found, text } = await ask(optional, lines);
    expect([found, text]).toEqual([status, text]);
    // What is no bearer token to Envoy is none at all.
    expect((await ask(required, lines)).status).toBe(isRead(lines) ? status : 401);
    if (basis === 'judged') expect(judged(optional, lines)).toBe('refused');
  });
});

function isRead(lines: readonly string[]): boolean {
  return lines.some((line) => line.includes('Bearer '));
}

describe('where a token is looked for', () => {
  test('none is needed where none is required', async () => {
    expect((await ask(optional, [])).status).toBe(200);
    expect((await ask(optional, ['authorization: Basic YTpi'])).status).toBe(200);
    expect(judged(optional, [])).toBe('admitted');
  });

  test('where one is required, nothing else will do', async () => {
    const token = first.sign(claims);
    expect((await ask(required, [good])).status).toBe(200);
    for (const lines of [[], [`x-token: ${token}`], [`cookie: access_token=${token}`]]) {
      expect((await ask(required, lines)).status).toBe(401);
      expect(judged(required, lines)).toBe('refused');
    }
    expect((await ask(required, [], `/x?access_token=${token}`)).status).toBe(401);
  });

  test('the log names whose word it was', async () => {
    await ask(required, [], '/logged');
    const [line] = await envoy.accessLog(({ path }) => path === '/logged');
    expect(line).toMatchObject({
      status: 401,
      jwt: 'shop/p/jwt',
      details: 'jwt_authn_access_denied{Jwt_is_missing}',
    });
  });

  test('a header of its own is read, and no other', async () => {
    const rules = [`x-token: ${first.sign(claims)}`];
    expect((await ask(custom, rules)).status).toBe(200);
    expect((await ask(custom, ['x-token: abc'])).status).toBe(401);
    expect(judged(custom, ['x-token: abc'])).toBe('refused');
  });

  test('an issuer is asked for where there is only one', async () => {
    const lines = [`x-token: ${first.sign({ ...claims, iss: undefined })}`];
    for (const port of [custom, single]) {
      expect((await ask(port, lines)).status).toBe(401);
      expect(judged(port, lines)).toBe('refused');
    }
  });

  test('a token in an odd place is verified, and the app does not see it', async () => {
    for (const odd of [good.replace('Bearer ', 'Bearer  '), good.replace('Bearer', 'x, Bearer')]) {
      const { status, text } = await ask(optional, [odd]);
      expect([status, text]).toEqual([200, expect.not.stringMatching(/bearer/i)]);
      expect(text).toContain('x-user: ann');
    }
  });

  test('the app sees a token only where it is forwarded', async () => {
    expect((await ask(optional, [good])).text).not.toContain('Bearer');
    expect((await ask(optional, [fromPartner])).text).toContain(fromPartner);
  });
});

describe('claims in headers', () => {
  test('are those of the token, whatever the caller wrote', async () => {
    const forged = ['x-user: root', 'X_User: root', 'x-user: root', 'x-roles: all', 'x_roles: all'];
    const { text } = await ask(optional, [good, ...forged]);
    expect(text).toContain('x-user: ann');
    expect(text).toContain(`x-roles: ${Buffer.from('["manager"]').toString('base64')}`);
    expect(text).not.toMatch(/root|all/);
  });

  test('are removed from a request without a token', async () => {
    const { status, text } = await ask(optional, ['x-user: root', 'x_user: root', 'X-USER: root']);
    expect(status).toBe(200);
    expect(text).not.toMatch(/x.user/i);
  });
});

describe('an issuer whose keys are not known', () => {
  test('fails alone', async () => {
    expect((await ask(keyless, [good])).status).toBe(401);
    expect(judged(keyless, [good])).toBe('refused');
    expect((await ask(keyless, [fromPartner])).status).toBe(200);
    expect((await ask(keyless, [])).status).toBe(200);
  });
});

describe('a rule that asks for a claim', () => {
  test.each(asked.map((one, index) => [...one, index] as const))(
    '%s in %j: %p',
    async (_name, _values, isMet, index) => {
      const port = ruled[index];
      if (port === undefined) throw new Error('no port');
      expect((await ask(port, [good])).status).toBe(isMet ? 200 : 403);
      expect(judged(port, [good])).toBe(isMet ? 'admitted' : 'refused');
      // Another issuer's claim of the same name is another claim.
      expect((await ask(port, [fromPartner])).status).toBe(403);
      expect(judged(port, [fromPartner])).toBe('refused');
      expect((await ask(port, [])).status).toBe(403);
    },
  );
});

test('keys change for the next request on an open connection', async () => {
  const port = required.port ?? 0;
  const tls = { certificate, alpn: 'skerry-http' };
  const socket = await dial({ envoyPort: envoy.port('inbound'), port, tls });
  const send = async (token: string): Promise<string | undefined> => {
    const text = await request(socket, '/x', { authorization: `Bearer ${token}` });
    return /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
  };
  const configure = async (...keys: readonly TokenKey[]): Promise<void> => {
    const entry = portWith(port, { issuers: staffIssuers(keys), isRequired: true });
    await envoy.pushExtension(spellTokenConfig([entry]) ?? {});
  };
  const [old, next] = [first.sign(claims), second.sign(claims)];
  expect([await send(old), await send(next)]).toEqual(['200', '401']);
  await configure(first, second);
  expect([await send(old), await send(next)]).toEqual(['200', '200']);
  await configure(second);
  expect([await send(old), await send(next)]).toEqual(['401', '200']);
  socket.destroy();
});

test('nobody has the key of issuers without keys', () => {
  const { keys } = JSON.parse(nobodysKeys) as { keys: { x: string; y: string }[] };
  const [key] = keys;
  const digest = createHash('sha256').update('skerry: nobody has the private key 1').digest();
  expect(key?.x).toBe(digest.toString('base64url'));
  expect((Buffer.from(key?.y ?? '', 'base64url').at(-1) ?? 1) % 2).toBe(0);
  expect(createPublicKey({ key: { ...key }, format: 'jwk' }).asymmetricKeyType).toBe('ec');
});
