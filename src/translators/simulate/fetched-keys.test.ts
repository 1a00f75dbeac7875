/** What explain says of keys that a called sidecar fetches. */
import { expect, test } from '@jest/globals';
import type { Authorization, JwtIssuer } from '../../model/index.js';
import { explainQuery } from '../index.js';
import {
  aPod,
  aPolicy,
  aService,
  aSlice,
  compile,
  type MeshObject,
} from '../testing/mesh-builder.js';

const issuer: JwtIssuer = {
  ...{ issuer: 'https://sso.local', audiences: ['shop'], forward: false, claimToHeaders: [] },
  keys: { kind: 'url', from: { url: 'http://sso/keys', name: 'sso', port: 80, path: '/keys' } },
  fromHeaders: ['authorization'],
};
const tokens = aPolicy('cart', {
  targets: [{ kind: 'Service', namespace: 'shop', name: 'cart' }],
  jwt: { issuers: [issuer] },
});
const sso = aService('sso');
const slice = aSlice('sso', ['10.1.0.2']);
const pod = aPod('sso', { ips: ['10.1.0.2'] });
const source = 'shop/cart fetches the keys of https://sso.local from Service shop/sso';
const else401 = 'its tokens are good by keys fetched before, else refused with 401';

function explain(headers: Readonly<Record<string, string>>, ...more: readonly MeshObject[]) {
  const { view } = compile(
    ...[aService('cart'), aSlice('cart', ['10.1.0.1']), aPod('cart', { ips: ['10.1.0.1'] })],
    ...[aPod('client', { namespace: 'web', ips: ['10.1.0.9'] }), tokens, ...more],
  );
  const query = { from: 'web/client', to: 'cart.shop:80', method: 'GET', path: '/', headers };
  const explained = explainQuery(view, query, 'cluster.local');
  if (!explained.ok) throw new Error(explained.error);
  return explained.value;
}

const keysOf = (...more: readonly MeshObject[]): readonly string[] =>
  explain({}, ...more).steps.flatMap(({ at, says }) => (at === 'keys' ? [says] : []));

const deny = (namespace: string): Authorization => ({
  default: 'Inherit',
  deny: [
    { name: 'no', from: [{ all: [{ kind: 'namespace', namespace }], not: [] }], to: [], when: [] },
  ],
});

test.each<readonly [string, readonly MeshObject[], string]>([
  ['a pod of the mesh', [sso, slice, pod], `${source} (http://sso/keys) by mutual TLS and keeps`],
  ['a pod outside', [sso, slice], `${source} (http://sso/keys) in plaintext, which others may`],
  ['no Service', [], `${source}, but it does not exist: ${else401}`],
  ['no endpoint', [sso], `${source}, but its port 80 has no endpoint that is ready: ${else401}`],
  [
    'an issuer that refuses',
    [
      ...[sso, slice, pod],
      aPolicy('closed', {
        targets: [{ kind: 'Service', namespace: 'shop', name: 'sso' }],
        authorization: deny('shop'),
      }),
    ],
    `${source}, but it is refused there by shop/closed/no: ${else401}`,
  ],
])('from %s', (_what, more, says) => {
  expect(keysOf(...more)).toEqual([expect.stringContaining(says)]);
});

test('a token is judged as if its keys were there, and why it is refused is said', () => {
  const token = (aud: string): Readonly<Record<string, string>> => {
    const payload = Buffer.from(JSON.stringify({ iss: 'https://sso.local', aud }));
    return { authorization: `Bearer e30.${payload.toString('base64url')}.x` };
  };
  const good = explain(token('shop'), sso, slice, pod);
  expect(good.outcomes.map(({ verdict }) => verdict)).toEqual(['admitted']);
  const bad = explain(token('else'), sso, slice, pod);
  expect(bad.outcomes.map(({ verdict }) => verdict)).toEqual(['refused']);
  expect(bad.steps.find(({ at }) => at === 'verdict')?.says).toContain(
    'refused by shop/cart/jwt, 403: the token is for else, expected shop',
  );
});
