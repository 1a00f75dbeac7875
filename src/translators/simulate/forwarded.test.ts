/** What the callee's rules see of a request that a route has changed. */
import { expect, test } from '@jest/globals';
import type { PathChange } from '../../model/index.js';
import { explainQuery } from '../index.js';
import { aPod, aPolicy, aService, aSlice, compile } from '../testing/mesh-builder.js';
import { forwardTo, routeOf } from '../to-envoy/testing/samples.js';
import { forwardedBy } from './forwarded.js';

const prefix = (value: string): PathChange => ({ kind: 'prefix', value });
const replace = (value: string): PathChange => ({ kind: 'replace', value });

test.each<readonly [string, PathChange, string, string]>([
  ['/a', prefix('/b'), '/a/x?q=1', '/b/x?q=1'],
  ['/a/', prefix('/b/'), '/a', '/b'],
  ['/a', prefix('/'), '/a/x', '/x'],
  ['/a', prefix('/'), '/a?q=1', '/?q=1'],
  ['/', prefix('/v1'), '/x/y', '/v1/x/y'],
  ['/', prefix('/'), '/x/y', '/x/y'],
  ['/a', prefix('/b'), '/z/../a/./x', '/b/x'],
  ['/a', replace('/new'), '/a/x?q=1', '/new?q=1'],
  ['/a', replace(''), '/a/x', '/'],
])('under prefix %s, by %j, %s becomes %s', (value, rewritePath, path, sent) => {
  const match = { path: { type: 'PathPrefix' as const, value }, headers: [], queryParams: [] };
  const route = routeOf(forwardTo('c', { rewritePath }), { match });
  expect(forwardedBy(route, { path, headers: {} }).path).toBe(sent);
});

test('where no prefix was matched the whole path is replaced', () => {
  const path = { type: 'Exact' as const, value: '/a/b' };
  const match = { path, headers: [], queryParams: [] };
  const route = routeOf(forwardTo('c', { rewritePath: prefix('/new') }), { match });
  expect(forwardedBy(route, { path: '/a/b', headers: {} }).path).toBe('/new');
});

test('headers are set, then added to, and what is removed is not there at all', () => {
  const requestHeaders = {
    set: { 'X-Set': 'new', 'x-gone': 'again' },
    add: { 'x-more': 'b', 'x-first': 'a' },
    remove: ['X-Gone'],
  };
  const headers = { 'x-set': 'old', 'x-more': 'a', 'x-gone': 'yes', 'x-kept': 'k' };
  expect(forwardedBy(routeOf(forwardTo('c'), { requestHeaders }), { path: '/', headers })).toEqual({
    path: '/',
    headers: { 'x-set': 'new', 'x-more': 'a,b', 'x-first': 'a', 'x-kept': 'k' },
  });
});

test.each([
  ['/public/x', 'refused'],
  ['/old/x', 'admitted'],
])('explain judges %s by what is sent on: %s', (path, verdict) => {
  const targets = [{ kind: 'Service' as const, namespace: 'shop', name: 'cart' }];
  const { view } = compile(
    ...[aService('cart'), aSlice('cart', ['10.1.0.1'])],
    aPod('cart', { ips: ['10.1.0.1'] }),
    aPod('client', { namespace: 'web', ips: ['10.1.0.9'] }),
    aPolicy('moved', {
      targets,
      routes: [
        {
          name: 'old',
          matches: [{ path: { type: 'PathPrefix', value: '/old' }, headers: [], queryParams: [] }],
          backends: [],
          rewrite: { path: { kind: 'prefix', value: '/new' } },
        },
        {
          name: 'public',
          matches: [
            { path: { type: 'PathPrefix', value: '/public' }, headers: [], queryParams: [] },
          ],
          backends: [],
          rewrite: { path: { kind: 'prefix', value: '/secret' } },
        },
      ],
      authorization: {
        default: 'Inherit',
        deny: [
          {
            ...{ name: 'secret', from: [], when: [] },
            to: [{ ports: [], methods: [], paths: ['/secret/*', '/old/*'] }],
          },
        ],
      },
    }),
  );
  const query = { from: 'web/client', to: 'cart.shop:80', method: 'GET', path, headers: {} };
  const explained = explainQuery(view, query, 'cluster.local');
  if (!explained.ok) throw new Error(explained.error);
  expect(explained.value.outcomes.map((one) => one.verdict)).toEqual([verdict]);
});
