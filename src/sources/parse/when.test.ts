/** The entries of `when`: what they mean, and what is refused in them. */
import { describe, expect, test } from '@jest/globals';
import { parseTrafficPolicy, type ParsedPolicy } from './traffic-policy.js';

const field = 'spec.inbound.authorization.deny[0].when';

function parse(when: unknown): ParsedPolicy {
  const metadata = { name: 'p', namespace: 'shop' };
  const spec = {
    targetRefs: [{ kind: 'Namespace' }],
    inbound: { authorization: { deny: [{ when }] } },
  };
  const object = { apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy', metadata, spec };
  return parseTrafficPolicy(object, { rootNamespace: 'skerry-system' });
}

describe('conditions on headers', () => {
  test('are read, their names in lower case', () => {
    const { policy } = parse([{ header: 'X-Env', values: ['prod', 'stage-*', '*'] }]);
    expect(policy?.authorization?.deny).toMatchObject([
      { when: [{ kind: 'header', name: 'x-env', values: ['prod', 'stage-*', '*'] }] },
    ]);
  });

  test.each<readonly [unknown, string]>([
    [[], field],
    [null, field],
    [[{}], `${field}[0].values`],
    [[{ values: ['a'] }], `${field}[0]`],
    [[{ header: 'x-env', values: [] }], `${field}[0].values`],
    [[{ header: 'x-env', values: ['a*b'] }], `${field}[0].values[0]`],
    [[{ header: 'x-env', values: ['a,b'] }], `${field}[0].values[0]`],
    [[{ header: 'x-env', values: ['**'] }], `${field}[0].values[0]`],
    [[{ header: 'x-env', values: [' a'] }], `${field}[0].values[0]`],
    [[{ header: 'x-env', values: ['é'] }], `${field}[0].values[0]`],
    [[{ header: 'x-env', values: [''] }], `${field}[0].values[0]`],
    [[{ header: 'x-env', values: [true] }], `${field}[0].values[0]`],
    [[{ header: ':path', values: ['*'] }], `${field}[0].header`],
    [[{ header: 'X-Envoy-Original-Path', values: ['*'] }], `${field}[0].header`],
    [Array(17).fill({ header: 'x-env', values: ['a'] }), field],
  ])('%j is refused', (when, where) => {
    expect(parse(when).diagnostics.map(({ code, field: at }) => `${code} ${at ?? ''}`)).toContain(
      `Invalid ${where}`,
    );
  });
});

describe('conditions on claims', () => {
  test('are read, with their issuer where it is named', () => {
    const issuer = 'https://sso.local';
    const { policy } = parse([
      { claim: 'groups', values: ['staff', 'a, b*'] },
      { claim: 'realm_access.roles', issuer, values: ['*'] },
    ]);
    expect(policy?.authorization?.deny[0]?.when).toEqual([
      { kind: 'claim', claim: 'groups', values: ['staff', 'a, b*'] },
      { kind: 'claim', claim: 'realm_access.roles', issuer, values: ['*'] },
    ]);
  });

  test.each<readonly [unknown, string]>([
    [[{ claim: '', values: ['a'] }], `${field}[0].claim`],
    [[{ claim: 'a b', values: ['a'] }], `${field}[0].claim`],
    [[{ claim: 'a', values: ['a*b'] }], `${field}[0].values[0]`],
    [[{ claim: 'a', header: 'b', values: ['a'] }], `${field}[0]`],
    [[{ header: 'b', issuer: 'c', values: ['a'] }], `${field}[0].issuer`],
  ])('%j is refused', (when, where) => {
    expect(parse(when).diagnostics.map(({ code, field: at }) => `${code} ${at ?? ''}`)).toContain(
      `Invalid ${where}`,
    );
  });
});
