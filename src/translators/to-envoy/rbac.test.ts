/** Authorization as RBAC policies, by table. */
import { describe, expect, test } from '@jest/globals';
import type { AuthorizationIr } from '../../ir/index.js';
import type { Principal } from '../../envoy/index.js';
import { spellRbac } from './rbac.js';
import { caller, callerFrom, idOf, onlyAllow, open, rule } from './testing/samples.js';

const any = { any: true };
const nobody = { not_id: any };
const is = (name: string): Principal => ({
  authenticated: { principal_name: { exact: idOf(name) } },
});

function policiesOf(authorization: AuthorizationIr, wire: 'http' | 'tcp' = 'http'): unknown {
  const { action, policies } = spellRbac(authorization, wire);
  expect(action).toBe('DENY');
  return Object.fromEntries(
    Object.entries(policies ?? {}).map(([name, { principals }]) => [name, principals]),
  );
}

const deny = (...rules: readonly ReturnType<typeof rule>[]): AuthorizationIr => ({
  ...open,
  deny: rules,
});

describe('rbac', () => {
  test('where everybody is admitted no policy is spelled', () => {
    expect(policiesOf(open)).toEqual({});
  });

  test('allow rules do not matter where the rest is admitted anyway', () => {
    expect(policiesOf({ ...open, allow: [rule('n/p/a', { from: [caller('a')] })] })).toEqual({});
  });

  test('who is not admitted is refused under the name of who said so', () => {
    expect(policiesOf(onlyAllow(rule('n/p/a', { from: [caller('a')] })))).toEqual({
      'shop/p/allow': [{ not_id: is('a') }],
    });
  });

  test('several allow rules are alternatives', () => {
    const allow = [rule('n/p/a', { from: [caller('a')] }), rule('n/p/b', { from: [caller('b')] })];
    expect(policiesOf(onlyAllow(...allow))).toEqual({
      'shop/p/allow': [{ and_ids: { ids: [{ not_id: is('a') }, { not_id: is('b') }] } }],
    });
  });

  test('an empty allow list refuses everybody', () => {
    expect(policiesOf(onlyAllow())).toEqual({ 'shop/p/allow': [any] });
  });

  test('a refusal that nobody named has a name of its own', () => {
    const otherwise = { verdict: 'deny', name: '', origins: [] } as const;
    expect(policiesOf({ deny: [], allow: [], otherwise })).toEqual({ 'skerry/default': [any] });
  });

  test('a deny rule is a policy of its own name', () => {
    expect(policiesOf(deny(rule('n/p/d', { from: [caller('x')] })))).toEqual({
      'n/p/d': [is('x')],
    });
  });

  test('deny rules of one name stand beside each other', () => {
    const rules = [rule('n/p/d', { from: [caller('x')] }), rule('n/p/d', { from: [caller('y')] })];
    expect(policiesOf(deny(...rules))).toEqual({ 'n/p/d': [is('x'), is('y')] });
  });

  test('a deny rule that names an identity also takes callers without one', () => {
    const one = rule('n/p/d', { from: [caller('x')], alsoWithoutIdentity: true });
    expect(policiesOf(deny(one))).toEqual({
      'n/p/d': [{ or_ids: { ids: [is('x'), { not_id: { authenticated: {} } }] } }],
    });
  });

  test('a deny rule that sorts behind the default keeps its own name in the log', () => {
    const authorization: AuthorizationIr = {
      deny: [rule('z/p/d', { from: [caller('x')] })],
      allow: [rule('a/p/a', { from: [caller('a')] })],
      otherwise: { verdict: 'deny', name: 'a/p/allow', origins: [] },
    };
    expect(policiesOf(authorization)).toEqual({
      'z/p/d': [is('x')],
      'a/p/allow': [{ and_ids: { ids: [{ not_id: is('a') }, { not_id: is('x') }] } }],
    });
  });

  test.each<{ fact: string; from: Parameters<typeof rule>[1]; principal: Principal }>([
    {
      fact: 'terms of one caller hold together, alternatives of a term do not need to',
      from: {
        from: [
          {
            all: [
              [
                { kind: 'identity', match: 'prefix', value: 'spiffe://cluster.local/ns/a/' },
                { kind: 'identity', match: 'exact', value: idOf('b') },
              ],
              [{ kind: 'cidr', cidr: '10.0.0.0/8' }],
            ],
            not: [],
          },
        ],
      },
      principal: {
        and_ids: {
          ids: [
            {
              or_ids: {
                ids: [
                  { authenticated: { principal_name: { prefix: 'spiffe://cluster.local/ns/a/' } } },
                  is('b'),
                ],
              },
            },
            { direct_remote_ip: { address_prefix: '10.0.0.0', prefix_len: 8 } },
          ],
        },
      },
    },
    {
      fact: 'an empty list of alternatives is never met',
      from: { from: [{ all: [[]], not: [] }] },
      principal: nobody,
    },
    {
      fact: 'what stands under not is excluded',
      from: { from: [{ all: [], not: [caller('x')] }] },
      principal: { not_id: is('x') },
    },
    {
      fact: 'not of nothing in particular admits nobody',
      from: { from: [{ all: [], not: [{ all: [], not: [] }] }] },
      principal: nobody,
    },
    {
      fact: 'an address without a length is that address',
      from: { from: [callerFrom('fd00::1')] },
      principal: { direct_remote_ip: { address_prefix: 'fd00::1', prefix_len: 128 } },
    },
    {
      fact: 'an empty identity prefix is any identity',
      from: { from: [{ all: [[{ kind: 'identity', match: 'prefix', value: '' }]], not: [] }] },
      principal: { authenticated: {} },
    },
    {
      fact: 'methods and paths hold together, each list is of alternatives',
      from: { to: [{ methods: ['GET', 'HEAD'], paths: ['/api/*', '/x'] }] },
      principal: {
        and_ids: {
          ids: [
            any,
            {
              and_ids: {
                ids: [
                  {
                    or_ids: {
                      ids: ['GET', 'HEAD'].map((exact) => ({
                        header: { name: ':method', string_match: { exact } },
                      })),
                    },
                  },
                  {
                    or_ids: {
                      ids: [
                        { url_path: { path: { prefix: '/api/' } } },
                        { url_path: { path: { exact: '/x' } } },
                      ],
                    },
                  },
                ],
              },
            },
          ],
        },
      },
    },
    {
      fact: 'an operation without conditions is every request',
      from: { to: [{ methods: [], paths: ['*'] }] },
      principal: { and_ids: { ids: [any, any] } },
    },
  ])('$fact', ({ from, principal }) => {
    expect(policiesOf(deny(rule('n/p/d', from)))).toEqual({ 'n/p/d': [principal] });
  });

  test('HTTP conditions on TCP never admit and always refuse', () => {
    const parts = { from: [caller('a')], to: [{ methods: ['GET'], paths: [] }] };
    expect(policiesOf(onlyAllow(rule('n/p/a', parts)), 'tcp')).toEqual({
      'shop/p/allow': [{ not_id: nobody }],
    });
    expect(policiesOf(deny(rule('n/p/d', parts)), 'tcp')).toEqual({ 'n/p/d': [is('a')] });
  });
});
