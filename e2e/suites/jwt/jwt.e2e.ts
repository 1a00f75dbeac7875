/** Claim: only good tokens get in, claims cannot be forged, and keys are rotated under load without a failed request. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Agent, Mesh } from '../../../demo/rig/index.js';
import {
  confusedToken,
  inAnHour,
  keySet,
  makeTokenKey,
  unsignedToken,
  type TokenKey,
} from '../../../src/translators/to-envoy/testing/tokens.js';
import { claim } from '../../kit/claim.js';
import { diagnostics } from '../../kit/control-plane.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const server = 'a/frontend';
const host = 'frontend.a';
const sso = 'https://sso.local';
const partner = 'https://partner.local';
const ssoKey = makeTokenKey('sso');
const partnerKey = makeTokenKey('partner', 'ES256');
const claims = {
  ...{ iss: sso, aud: ['shop'], sub: 'ann', exp: inAnHour(), groups: ['staff'] },
  realm_access: { roles: ['manager'] },
};
const good = ssoKey.sign(claims);
const ofPartner = partnerKey.sign({ ...claims, iss: partner, sub: 'bob' });

let mesh: Mesh;
let caller: Agent;
let outsider: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    pods: [server, 'b/reviews-v1', 'outside/legacy'],
  });
  caller = await mesh.agent('b/reviews-v1');
  outsider = await mesh.agent('outside/legacy');
  await configure([ssoKey]);
  await eventually('tokens to be asked for', async () =>
    (await ask(caller, '/staff')) === 403 && (await ask(caller, '/staff', bearer(good))) === 200
      ? true
      : undefined,
  );
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

/** No keys: the ConfigMap holds no key set at all. `/open` is for everybody, `/user` for holders of a token, `/staff` for some claims. */
async function configure(keys: readonly TokenKey[]): Promise<void> {
  const when = (value: string) => [{ claim: 'groups', issuer: sso, values: [value] }];
  const holders = [sso, partner].map((issuer) => ({
    name: issuer === sso ? 'users' : 'partners',
    to: [{ paths: ['/user', '/user/*'] }],
    when: [{ claim: 'sub', issuer, values: ['*'] }],
  }));
  const policy = trafficPolicy('a/sign-on', {
    targetRefs: [{ kind: 'Service', name: 'frontend' }],
    inbound: {
      jwt: {
        issuers: [
          {
            issuer: sso,
            audiences: ['shop'],
            jwks: { configMap: 'sso-keys' },
            claimToHeaders: { sub: 'x-user', 'realm_access.roles': 'x-roles' },
          },
          {
            issuer: partner,
            audiences: ['shop'],
            jwks: { inline: keySet(partnerKey) },
            forward: true,
          },
        ],
      },
      authorization: {
        allow: [
          { name: 'open', to: [{ paths: ['/open', '/open/*'] }] },
          ...holders,
          { name: 'staff', to: [{ paths: ['/staff', '/staff/*'] }], when: when('staff') },
        ],
      },
    },
  });
  const published = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'sso-keys', namespace: 'a', labels: { 'skerry.dev/jwks': 'true' } },
    data: { 'jwks.json': keys.length === 0 ? 'nonsense' : keySet(...keys) },
  };
  await mesh.writeManifest('60-sign-on.yaml', manifest(policy, published));
}

const bearer = (token: string): string => `authorization: Bearer ${token}`;

/** The answer to a request written byte by byte; undefined when it is none. */
async function answerTo(
  from: Agent,
  path: string,
  lines: readonly string[],
  before = '',
): Promise<{ readonly status: number | undefined; readonly text: string }> {
  const head = [`GET ${path} HTTP/1.1`, `host: ${host}`, ...lines, 'connection: close'];
  const { body: text } = await from.tcp({
    ...{ host: from === outsider ? '10.66.1.1' : host, port: from === outsider ? 8080 : 80 },
    send: `${before}${head.join('\r\n')}\r\n\r\n`,
    expectBytes: 100_000,
  });
  const status = /HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
  return { status: status === undefined ? undefined : Number(status), text };
}

async function ask(
  from: Agent,
  path: string,
  ...lines: readonly string[]
): Promise<number | undefined> {
  return (await answerTo(from, path, lines)).status;
}

describe('a bad token', () => {
  const past = Math.floor(Date.now() / 1000) - 3600;
  const cases: readonly (readonly [string, string, number])[] = [
    ['expired', ssoKey.sign({ ...claims, exp: past }), 401],
    ['without expiry', ssoKey.sign({ ...claims, exp: undefined }), 401],
    ['for another audience', ssoKey.sign({ ...claims, aud: ['else'] }), 403],
    ['without an issuer', ssoKey.sign({ ...claims, iss: undefined }), 401],
    ['of an issuer nobody knows', ssoKey.sign({ ...claims, iss: 'https://evil.local' }), 401],
    ['unsigned', unsignedToken(claims), 401],
    ['signed by HMAC with the public key', confusedToken(ssoKey, claims), 401],
    ['signed by another issuer', partnerKey.sign(claims), 401],
    ['signed by nobody known', makeTokenKey('sso').sign(claims), 401],
    ['changed', `${good.slice(0, -3)}AAA`, 401],
    ['that is no token', 'abc', 401],
  ];

  test.each(cases)('%s is refused, even where none is asked for', async (_what, token, status) => {
    for (const from of [caller, outsider]) {
      expect(await ask(from, '/open', bearer(token))).toBe(status);
      expect(await ask(from, '/staff', bearer(token))).toBe(status);
    }
  });

  test('was one of so many that were tried, and all were refused', () => {
    claim('jwt', 'kinds of bad tokens, all refused:', cases.length);
  });

  test('is logged with the policy whose word it was', async () => {
    await ask(caller, '/open/logged', bearer('abc'));
    const line = await untilLogged(mesh, server, ['"/open/logged"']);
    expect(JSON.parse(line)).toMatchObject({ status: 401, jwt: 'a/sign-on/jwt' });
    expect(line).not.toContain('abc');
  });
});

describe('a good token', () => {
  test('opens what its claims open', async () => {
    expect(await ask(caller, '/open')).toBe(200);
    expect(await ask(caller, '/user')).toBe(403);
    expect(await ask(caller, '/user', bearer(good))).toBe(200);
    expect(await ask(caller, '/staff', bearer(good))).toBe(200);
    expect(await ask(outsider, '/staff', bearer(good))).toBe(200);
  });

  test('of another issuer opens what is that issuer’s to open', async () => {
    expect(await ask(caller, '/user', bearer(ofPartner))).toBe(200);
    expect(await ask(caller, '/staff', bearer(ofPartner))).toBe(403);
    await untilLogged(mesh, server, ['"status":403', '"/staff"', 'a/sign-on/allow']);
  });

  test.each<readonly [string, string, readonly string[]]>([
    ['another header', '/staff', [`x-token: ${good}`, `x-jwt-assertion: ${good}`]],
    ['the query', `/staff?access_token=${good}`, []],
    ['a cookie', '/staff', [`cookie: access_token=${good}`]],
    ['a scheme in other letters', '/staff', [`authorization: bearer ${good}`]],
    ['a scheme of another name', '/staff', [`authorization: JWT ${good}`]],
  ])('counts for nothing in %s', async (_where, path, lines) => {
    for (const from of [caller, outsider]) expect(await ask(from, path, ...lines)).toBe(403);
  });

  test('does not bring another one along', async () => {
    for (const other of [good, unsignedToken(claims), 'abc']) {
      for (const pair of [
        [bearer(ofPartner), bearer(other)],
        [bearer(other), bearer(ofPartner)],
        [`${bearer(ofPartner)}, Bearer ${other}`],
      ]) {
        expect([401, 403]).toContain(await ask(caller, '/user', ...pair));
      }
    }
  });

  test('is not shown to the app unless it is forwarded', async () => {
    expect((await answerTo(caller, '/user', [bearer(good)])).text).not.toContain(good);
    expect((await answerTo(caller, '/user', [bearer(ofPartner)])).text).toContain(ofPartner);
  });
});

describe('headers with claims', () => {
  const forged = ['x-user: root', 'X-User: root', 'x_user: root', 'X_ROLES: root', 'x-roles: root'];

  test('say what the token says', async () => {
    const { text } = await answerTo(caller, '/user', [bearer(good), ...forged]);
    expect(text).toContain('"x-user":"ann"');
    expect(text).toContain(`"x-roles":"${Buffer.from('["manager"]').toString('base64')}"`);
    expect(text).not.toContain('root');
  });

  test.each([
    ['without a token', []],
    ['with the token of an issuer who does not set them', [bearer(ofPartner)]],
  ])('cannot be forged %s', async (_how, lines) => {
    for (const from of [caller, outsider]) {
      const { status, text } = await answerTo(from, '/open', [...lines, ...forged]);
      expect(status).toBe(200);
      expect(text).not.toContain('root');
    }
  });

  test('cannot be forged by HTTP that does not look like it', async () => {
    const before = (await mesh.pod(server).appLog()).length;
    for (const from of [caller, outsider]) {
      for (const disguise of ['\r\n', '\r\n\r\n', '\n', ' ', 'PRI * HTTP/2.0\r\n\r\n']) {
        const { text } = await answerTo(from, '/open', forged, disguise);
        expect(text).not.toContain('root');
      }
    }
    expect((await mesh.pod(server).appLog()).slice(before)).not.toContain('root');
  });
});

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('keys are rotated under load and no request fails', async () => {
  const rotations = 5;
  /** Between the steps, so that requests meet each of them. */
  const paceMs = 700;
  const url = `http://${host}/staff`;
  const loader = await mesh.pod('b/reviews-v1').startAgent();
  let key = ssoKey;
  let total = 0;
  for (let rotation = 1; rotation <= rotations; rotation += 1) {
    const next = makeTokenKey(`sso-${String(rotation)}`, rotation % 2 === 0 ? 'RS256' : 'ES256');
    const load = (signer: TokenKey) =>
      loader.startLoad({
        url,
        headers: { authorization: `Bearer ${signer.sign(claims)}` },
        concurrency: 4,
        timeoutMs: 10_000,
      });
    const old = await load(key);
    // First the key is published, then it signs, then the old one goes.
    await configure([key, next]);
    await eventually('the next key', async () =>
      (await ask(caller, '/staff', bearer(next.sign(claims)))) === 200 ? true : undefined,
    );
    const fresh = await load(next);
    await wait(paceMs);
    const outcomes = [await old.stop()];
    await configure([next]);
    const retired = key;
    await eventually('the end of the old key', async () =>
      (await ask(caller, '/staff', bearer(retired.sign(claims)))) === 401 ? true : undefined,
    );
    await wait(paceMs);
    outcomes.push(await fresh.stop());
    for (const { errors, statuses, total: count } of outcomes) {
      expect(errors).toEqual({});
      expect(statuses).toEqual({ '200': count });
      total += count;
    }
    key = next;
  }
  expect(total).toBeGreaterThan(500);
  claim('jwt', `failed of ${String(total)} requests during ${String(rotations)} rotations:`, 0);
});

test('a ConfigMap that is no key set shuts out its issuer alone, and is named', async () => {
  await configure([]);
  await eventually('the end of all keys', async () =>
    (await ask(caller, '/open', bearer(good))) === 401 ? true : undefined,
  );
  expect(await ask(caller, '/user', bearer(ofPartner))).toBe(200);
  expect(await ask(caller, '/open')).toBe(200);
  const found = await diagnostics(mesh.controlPlane());
  expect(found.filter(({ code }) => code === 'NoUsableKey')).toMatchObject([
    { object: { kind: 'TrafficPolicy', namespace: 'a', name: 'sign-on' }, value: 'sso-keys' },
  ]);
  expect(found.find(({ object }) => object?.kind === 'ConfigMap')).toMatchObject({
    object: { namespace: 'a', name: 'sso-keys' },
    field: 'data["jwks.json"]',
  });
  await configure([ssoKey]);
  await eventually('the keys again', async () =>
    (await ask(caller, '/staff', bearer(good))) === 200 ? true : undefined,
  );
});
