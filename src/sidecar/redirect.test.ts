/** The rules as text. */
import { expect, test } from '@jest/globals';
import { checkApplied } from './apply-redirect.js';
import { checkRedirectOptions, familyRules, redirectRules, restoreText } from './redirect.js';

test('the rules of a pod without exclusions', () => {
  expect(redirectRules({}).v4).toBe(`*nat
:SKERRY_INBOUND - [0:0]
:SKERRY_OUTBOUND - [0:0]
-A SKERRY_INBOUND -p tcp --dport 15021 -j RETURN
-A SKERRY_INBOUND -p tcp --dport 15090 -j RETURN
-A SKERRY_INBOUND -p tcp -j REDIRECT --to-ports 15006
-A SKERRY_OUTBOUND -s 127.0.0.6/32 -o lo -j RETURN
-A SKERRY_OUTBOUND ! -d 127.0.0.0/8 -o lo -p tcp -m owner --uid-owner 1774 -j SKERRY_INBOUND
-A SKERRY_OUTBOUND -m owner --uid-owner 1774 -j RETURN
-A SKERRY_OUTBOUND -m owner --gid-owner 1774 -j RETURN
-A SKERRY_OUTBOUND -o lo -j RETURN
-A SKERRY_OUTBOUND -p tcp --dport 53 -j RETURN
-A SKERRY_OUTBOUND -p tcp -j REDIRECT --to-ports 15001
-A PREROUTING -p tcp -j SKERRY_INBOUND
-A OUTPUT -p tcp -j SKERRY_OUTBOUND
COMMIT
`);
});

test('each family gets the CIDRs that are its own', () => {
  const { v4, v6 } = redirectRules({ excludeOutboundCidrs: ['10.0.0.0/8', 'fd00::/8'] });
  expect(v4).toContain('-d 10.0.0.0/8 -j RETURN');
  expect(v4).not.toContain('fd00::/8');
  expect(v6).toContain('-d fd00::/8 -j RETURN');
  expect(v6).not.toContain('10.0.0.0/8');
  expect(v6).toContain('-s ::6/128 -o lo -j RETURN');
});

test('a port excluded twice, or by the user and by us, makes one rule', () => {
  const { v4 } = redirectRules({
    excludeInboundPorts: [9000, 9000, 15021],
    excludeOutboundPorts: [53],
  });
  expect(v4.match(/--dport 9000 /g)).toHaveLength(1);
  expect(v4.match(/--dport 15021 /g)).toHaveLength(1);
  expect(v4.match(/--dport 53 /g)).toHaveLength(1);
});

test('a jump that is there already is not added again, one of another chain is no reason', () => {
  const rules = familyRules({}, 'v4');
  const current = '-A PREROUTING -p tcp -j SKERRY_INBOUND\n-A OUTPUT -p tcp -j OTHERS\n';
  const text = restoreText(rules, current);
  expect(text).not.toContain('-A PREROUTING');
  expect(text).toContain('-A OUTPUT -p tcp -j SKERRY_OUTBOUND');
});

test.each([
  [
    'a missing rule',
    (saved: string) => saved.replace(/.*--uid-owner.*RETURN\n/, ''),
    /expected 10 rules, found 9/,
  ],
  ['a rule too many', (saved: string) => `${saved}-A SKERRY_OUTBOUND -j RETURN\n`, /found 11/],
  ['a missing jump', (saved: string) => saved.replace(/-A OUTPUT.*\n/, ''), /found it 0 times/],
  [
    'a jump twice',
    (saved: string) => `${saved}-A OUTPUT -p tcp -j SKERRY_OUTBOUND\n`,
    /found it 2 times/,
  ],
])('the check finds %s', (_what, spoil, problem) => {
  const rules = familyRules({}, 'v4');
  const saved = redirectRules({}).v4;
  expect(checkApplied(rules, saved)).toEqual([]);
  expect(checkApplied(rules, spoil(saved)).join()).toMatch(problem);
});

test.each([
  [{ excludeInboundPorts: [0] }],
  [{ excludeOutboundPorts: [65536] }],
  [{ excludeOutboundPorts: [1.5] }],
  [{ excludeOutboundCidrs: ['10.0.0.0'] }],
  [{ excludeOutboundCidrs: ['10.0.0.0/33'] }],
  [{ excludeOutboundCidrs: ['fd00::/129'] }],
  [{ excludeOutboundCidrs: ['10.0.0.0/8 -j ACCEPT'] }],
  [{ excludeOutboundCidrs: ['10.0.0.0/8\n-A OUTPUT'] }],
  [{ proxyUid: 0 }],
])('the options %j are found wrong', (options) => {
  expect(checkRedirectOptions(options)).toHaveLength(1);
});

test('good options are not found wrong', () => {
  const options = {
    excludeInboundPorts: [1, 65535],
    excludeOutboundCidrs: ['0.0.0.0/0', '::/0', '::ffff:1.2.3.4/128'],
  };
  expect(checkRedirectOptions(options)).toEqual([]);
});
