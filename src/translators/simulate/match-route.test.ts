/** Which route takes which request. */
import { describe, expect, test } from '@jest/globals';
import type { RouteIr, RouteMatchIr, VirtualHostIr } from '../../ir/index.js';
import { matchRoute, type RequestView } from './match-route.js';

const nothing = { headers: [], queryParams: [] };

function route(name: string, match: Partial<RouteMatchIr>): RouteIr {
  return {
    name,
    match: { ...nothing, ...match },
    action: { kind: 'respond', status: 200, body: '' },
    requestHeaders: { set: {}, add: {}, remove: [] },
    responseHeaders: { set: {}, add: {}, remove: [] },
    settings: [],
    origins: [],
  };
}

function host(...routes: readonly RouteIr[]): VirtualHostIr {
  return { name: 'http/10.0.0.1:80', addresses: ['10.0.0.1:80'], routes, origins: [] };
}

const request: RequestView = {
  method: 'GET',
  path: '/v2/items?debug=1',
  headers: { 'X-User': 'beta', host: 'reviews' },
  query: { debug: '1' },
};

describe('a match', () => {
  test.each<[string, Partial<RouteMatchIr>, Partial<RequestView>, boolean]>([
    ['without conditions takes everything', {}, {}, true],
    ['exact path', { path: { type: 'Exact', value: '/v2/items' } }, {}, true],
    ['exact path, longer', { path: { type: 'Exact', value: '/v2' } }, {}, false],
    ['path prefix by segments', { path: { type: 'PathPrefix', value: '/v2' } }, {}, true],
    ['path prefix inside a segment', { path: { type: 'PathPrefix', value: '/v' } }, {}, false],
    ['path prefix itself', { path: { type: 'PathPrefix', value: '/v2/items' } }, {}, true],
    ['path prefix with a slash', { path: { type: 'PathPrefix', value: '/v2/' } }, {}, true],
    [
      'path prefix with a slash, of the path without',
      { path: { type: 'PathPrefix', value: '/v2/' } },
      { path: '/v2' },
      true,
    ],
    ['path prefix of everything', { path: { type: 'PathPrefix', value: '/' } }, {}, true],
    [
      'path prefix after normalisation',
      { path: { type: 'PathPrefix', value: '/admin' } },
      { path: '/v2/..//%61dmin' },
      true,
    ],
    [
      'regular expression of the whole path',
      { path: { type: 'RegularExpression', value: '/v[0-9]/.*' } },
      {},
      true,
    ],
    [
      'regular expression of a part',
      { path: { type: 'RegularExpression', value: '/v[0-9]' } },
      {},
      false,
    ],
    [
      'alternatives bound to the whole value',
      { path: { type: 'RegularExpression', value: '/v2|/v2/items' } },
      {},
      true,
    ],
    ['method', { method: 'GET' }, {}, true],
    ['method, other', { method: 'POST' }, {}, false],
    ['header', { headers: [{ name: 'x-user', type: 'Exact', value: 'beta' }] }, {}, true],
    ['header, other', { headers: [{ name: 'x-user', type: 'Exact', value: 'bet' }] }, {}, false],
    ['header prefix', { headers: [{ name: 'x-user', type: 'Prefix', value: 'bet' }] }, {}, true],
    [
      'header expression',
      { headers: [{ name: 'x-user', type: 'RegularExpression', value: 'bet.' }] },
      {},
      true,
    ],
    [
      'header expression of a part',
      { headers: [{ name: 'x-user', type: 'RegularExpression', value: 'bet' }] },
      {},
      false,
    ],
    ['header present', { headers: [{ name: 'x-user', type: 'Present', value: '' }] }, {}, true],
    ['header absent', { headers: [{ name: 'x-x', type: 'Present', value: '' }] }, {}, false],
    ['header absent, prefix', { headers: [{ name: 'x-x', type: 'Prefix', value: '' }] }, {}, false],
    ['host', { headers: [{ name: 'Host', type: 'Exact', value: 'reviews' }] }, {}, true],
    ['query', { queryParams: [{ name: 'debug', type: 'Exact', value: '1' }] }, {}, true],
    ['query, other', { queryParams: [{ name: 'debug', type: 'Exact', value: '2' }] }, {}, false],
    [
      'query named like a built-in',
      { queryParams: [{ name: 'constructor', type: 'Present', value: '' }] },
      {},
      false,
    ],
    [
      'all conditions together',
      { method: 'GET', headers: [{ name: 'x-user', type: 'Exact', value: 'alpha' }] },
      {},
      false,
    ],
  ])('%s', (_, match, change, isMatch) => {
    const found = matchRoute(host(route('r', match)), { ...request, ...change });
    expect(found?.route.name).toBe(isMatch ? 'r' : undefined);
  });
});

test('the first match wins, and each route before it says why not', () => {
  const routes = [
    route('post', { method: 'POST' }),
    route('v1', { path: { type: 'PathPrefix', value: '/v1' } }),
    route('alpha', { headers: [{ name: 'x-user', type: 'Exact', value: 'alpha' }] }),
    route('tagged', { queryParams: [{ name: 'tag', type: 'Present', value: '' }] }),
    route('beta', { headers: [{ name: 'x-user', type: 'Exact', value: 'beta' }] }),
    route('rest', {}),
  ];
  const found = matchRoute(host(...routes), request);
  expect(found?.route.name).toBe('beta');
  expect(found?.index).toBe(4);
  expect(found?.passed.map((one) => `${one.route.name}: ${one.reason}`)).toEqual([
    'post: method is GET, not POST',
    'v1: path is /v2/items, which is not PathPrefix /v1',
    'alpha: header x-user is beta, which is not Exact alpha',
    'tagged: query parameter tag is absent',
  ]);
});

test('no route takes a request that none matches, or whose path is refused', () => {
  expect(matchRoute(host(route('post', { method: 'POST' })), request)).toBeUndefined();
  expect(matchRoute(host(route('all', {})), { ...request, path: '/a%2fb' })).toBeUndefined();
});

test('an expression that would make others backtrack for ever is answered', () => {
  const hostile = route('r', { path: { type: 'RegularExpression', value: '/(a+)+b' } });
  const path = `/${'a'.repeat(5000)}`;
  expect(matchRoute(host(hostile), { ...request, path })).toBeUndefined();
});
