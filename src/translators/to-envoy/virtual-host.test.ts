/** Virtual hosts, by table. */
import { describe, expect, test } from '@jest/globals';
import type { Route } from '../../envoy/index.js';
import type { RouteActionIr, RouteIr, RouteMatchIr } from '../../ir/index.js';
import { forwardTo, noRetry, routeOf, virtualHostOf } from './testing/samples.js';
import { spellVirtualHost } from './virtual-host.js';

function spellOne(action: RouteActionIr, parts: Partial<RouteIr> = {}): Route {
  const { routes } = spellVirtualHost(virtualHostOf('10.0.0.1:80', [routeOf(action, parts)]));
  return routes?.[0] ?? {};
}

describe('virtual hosts', () => {
  test('the resource is found by the address that was called', () => {
    const { name, domains } = spellVirtualHost(virtualHostOf('[fd00::1]:80', []));
    expect({ name, domains }).toEqual({
      name: 'http/[fd00::1]:80',
      domains: ['http|[fd00::1]:80'],
    });
  });

  test.each<{ match: Partial<RouteMatchIr>; spelled: object }>([
    { match: {}, spelled: { prefix: '' } },
    { match: { path: { type: 'Exact', value: '/a/' } }, spelled: { path: '/a/' } },
    { match: { path: { type: 'PathPrefix', value: '/' } }, spelled: { prefix: '/' } },
    {
      match: { path: { type: 'PathPrefix', value: '/a/' } },
      spelled: { path_separated_prefix: '/a' },
    },
    {
      match: { path: { type: 'RegularExpression', value: '/a|/b' } },
      spelled: { safe_regex: { regex: '/a|/b' } },
    },
    {
      match: { method: 'GET' },
      spelled: { prefix: '', headers: [{ name: ':method', string_match: { exact: 'GET' } }] },
    },
    {
      match: {
        headers: [
          { name: 'host', type: 'Exact', value: 'a' },
          { name: 'x', type: 'Present', value: '' },
          { name: 'y', type: 'Prefix', value: 'b' },
          { name: 'z', type: 'RegularExpression', value: 'c+' },
          { name: 'w', type: 'Prefix', value: '' },
        ],
      },
      spelled: {
        prefix: '',
        headers: [
          { name: ':authority', string_match: { exact: 'a' } },
          { name: 'x', present_match: true },
          { name: 'y', string_match: { prefix: 'b' } },
          { name: 'z', string_match: { safe_regex: { regex: 'c+' } } },
          { name: 'w', present_match: true },
        ],
      },
    },
    {
      match: {
        queryParams: [
          { name: 'q', type: 'Exact', value: '' },
          { name: 'p', type: 'Present', value: '' },
        ],
      },
      spelled: {
        prefix: '',
        query_parameters: [
          { name: 'q', string_match: { exact: '' } },
          { name: 'p', present_match: true },
        ],
      },
    },
  ])('$match is matched', ({ match, spelled }) => {
    const whole = { headers: [], queryParams: [], ...match };
    expect(spellOne(forwardTo('c'), { match: whole }).match).toEqual(spelled);
  });

  test.each<{ fact: string; action: RouteActionIr; spelled: object }>([
    {
      fact: 'without a timeout there is none',
      action: forwardTo('c'),
      spelled: { route: { cluster: 'c', timeout: '0s' } },
    },
    {
      fact: 'weights need not add up',
      action: forwardTo('c', {
        clusters: [
          { name: 'a', weight: 1 },
          { name: 'b', weight: 7 },
        ],
        timeoutMs: 1500,
      }),
      spelled: {
        route: {
          weighted_clusters: {
            clusters: [
              { name: 'a', weight: 1 },
              { name: 'b', weight: 7 },
            ],
          },
          timeout: '1.5s',
        },
      },
    },
    {
      fact: 'a mirror takes fractions of a percent and keeps the host',
      action: forwardTo('c', { mirror: { cluster: 'm', percent: 0.5 }, rewriteHost: 'h' }),
      spelled: {
        route: {
          cluster: 'c',
          timeout: '0s',
          host_rewrite_literal: 'h',
          request_mirror_policies: [
            {
              cluster: 'm',
              runtime_fraction: { default_value: { numerator: 5000, denominator: 'MILLION' } },
              disable_shadow_host_suffix_append: true,
            },
          ],
        },
      },
    },
    {
      fact: 'retries name their conditions, codes included',
      action: forwardTo('c', {
        retry: { ...noRetry, attempts: 2, on: ['reset'], statusCodes: [503], perTryTimeoutMs: 20 },
      }),
      spelled: {
        route: {
          cluster: 'c',
          timeout: '0s',
          retry_policy: expect.objectContaining({
            retry_on: 'reset,retriable-status-codes',
            num_retries: 2,
            per_try_timeout: '0.02s',
            retriable_status_codes: [503],
            retry_back_off: { base_interval: '0.025s', max_interval: '0.25s' },
          }),
        },
      },
    },
    {
      fact: 'a redirect changes what it names',
      action: {
        kind: 'redirect',
        scheme: 'https',
        hostname: 'h',
        port: 8443,
        path: { kind: 'replace', value: '/x' },
        statusCode: 308,
      },
      spelled: {
        redirect: {
          response_code: 'PERMANENT_REDIRECT',
          scheme_redirect: 'https',
          host_redirect: 'h',
          port_redirect: 8443,
          regex_rewrite: { pattern: { regex: '^.*$' }, substitution: '/x' },
        },
      },
    },
    {
      fact: 'the sidecar answers by itself',
      action: { kind: 'respond', status: 404, body: 'no route' },
      spelled: { direct_response: { status: 404, body: { inline_string: 'no route' } } },
    },
    {
      fact: 'an answer may have no body',
      action: { kind: 'respond', status: 404, body: '' },
      spelled: { direct_response: { status: 404 } },
    },
  ])('$fact', ({ action, spelled }) => {
    const { name, match, ...rest } = spellOne(action);
    expect({ name, match }).toEqual({ name: 'shop/p/rule', match: { prefix: '' } });
    expect(rest).toEqual(spelled);
  });

  test('headers are text, set before added, and what is removed is not added', () => {
    const changes = { set: { a: '100%', gone: 'x' }, add: { b: '' }, remove: ['Gone', 'c'] };
    const route = spellOne(forwardTo('c'), { requestHeaders: changes, responseHeaders: changes });
    const additions = [
      {
        header: { key: 'a', value: '100%%' },
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
        keep_empty_value: true,
      },
      {
        header: { key: 'b', value: '' },
        append_action: 'APPEND_IF_EXISTS_OR_ADD',
        keep_empty_value: true,
      },
    ];
    expect(route.request_headers_to_add).toEqual(additions);
    expect(route.response_headers_to_add).toEqual(additions);
    expect(route.request_headers_to_remove).toEqual(['Gone', 'c']);
    expect(route.response_headers_to_remove).toEqual(['Gone', 'c']);
  });
});
