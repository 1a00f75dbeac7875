/** What is turned away before a TCP app speaks, by table. */
import { describe, expect, test } from '@jest/globals';
import type { AuthorizationIr } from '../../ir/index.js';
import { quoteCel } from './condition.js';
import { spellGate } from './gate.js';
import { caller, callerFrom, idOf, onlyAllow, open, rule } from './testing/samples.js';

const nowhere = '127.0.0.6:0';

/** The format strings of the address and of the names, or undefined without a gate. */
function gateOf(authorization: AuthorizationIr, transport: 'mesh' | 'plain' = 'mesh'): unknown {
  const config = spellGate(authorization, transport)?.typed_config;
  if (config === undefined || !('on_downstream_tls_handshake' in config)) return undefined;
  return config.on_downstream_tls_handshake.map(
    (state) => state.format_string?.text_format_source?.inline_string,
  );
}

const isA = `connection.uri_san_peer_certificate in ['${idOf('a')}']`;
const startsWith = `connection.uri_san_peer_certificate.startsWith('spiffe://d/')`;
const allowA = onlyAllow(rule('n/p/a', { from: [caller('a')] }));
const name = (text: string): string => quoteCel(`[${text}]`);

describe('the gate before TCP apps', () => {
  test.each<{ fact: string; authorization: AuthorizationIr; transport?: 'plain'; gate: unknown }>([
    { fact: 'where everybody is admitted there is none', authorization: open, gate: undefined },
    {
      fact: 'who is not in the allow list is turned away, by name',
      authorization: allowA,
      gate: [
        `%CEL(!(${isA}) ? '${nowhere}' : '')%`,
        `%CEL(!(${isA}) ? ${name('shop/p/allow')} : '')%`,
      ],
    },
    {
      fact: 'prefixes are compared one by one',
      authorization: onlyAllow(
        rule('n/p/a', {
          from: [{ all: [[{ kind: 'identity', match: 'prefix', value: 'spiffe://d/' }]], not: [] }],
        }),
      ),
      gate: [
        `%CEL(!(${startsWith}) ? '${nowhere}' : '')%`,
        `%CEL(!(${startsWith}) ? ${name('shop/p/allow')} : '')%`,
      ],
    },
    {
      fact: 'plaintext has no identity',
      authorization: allowA,
      transport: 'plain',
      gate: [nowhere, '[shop/p/allow]'],
    },
    {
      fact: 'a deny rule without identity takes all plaintext',
      authorization: {
        ...open,
        deny: [rule('n/p/d', { from: [caller('x')], alsoWithoutIdentity: true })],
      },
      transport: 'plain',
      gate: [nowhere, '[n/p/d]'],
    },
    {
      fact: 'an address may always be the admitted one: RBAC decides',
      authorization: onlyAllow(rule('n/p/a', { from: [callerFrom('10.0.0.0/8')] })),
      gate: undefined,
    },
    {
      fact: 'an address need not be the refused one: RBAC decides',
      authorization: { ...open, deny: [rule('n/p/d', { from: [callerFrom('10.0.0.0/8')] })] },
      gate: undefined,
    },
    {
      fact: 'identity and address together: the identity alone can refuse',
      authorization: onlyAllow(
        rule('n/p/a', {
          from: [{ all: [...caller('a').all, ...callerFrom('10.0.0.0/8').all], not: [] }],
        }),
      ),
      gate: [
        `%CEL(!(${isA}) ? '${nowhere}' : '')%`,
        `%CEL(!(${isA}) ? ${name('shop/p/allow')} : '')%`,
      ],
    },
    {
      fact: 'an address under not may be another one',
      authorization: onlyAllow(
        rule('n/p/a', { from: [{ all: [], not: [callerFrom('10.0.0.0/8')] }] }),
      ),
      gate: undefined,
    },
  ])('$fact', ({ authorization, transport, gate }) => {
    expect(gateOf(authorization, transport)).toEqual(gate);
  });

  test('values cannot leave their quotes', () => {
    expect(quoteCel(`a'b"c\\d%e(f) 😀`)).toBe(
      "'a\\u0027b\\u0022c\\u005cd\\u0025e\\u0028f\\u0029\\u0020\\U0001f600'",
    );
  });

  test('rules nested too deep for the parser are left to RBAC', () => {
    let one = caller('a');
    for (let depth = 0; depth < 5; depth += 1) one = { all: caller('b').all, not: [one] };
    expect(gateOf(onlyAllow(rule('n/p/a', { from: [one] })))).toBeDefined();
    for (let depth = 0; depth < 20; depth += 1) one = { all: caller('b').all, not: [one] };
    expect(gateOf(onlyAllow(rule('n/p/a', { from: [one] })))).toBeUndefined();
  });

  test('a list too long for the parser is left to RBAC', () => {
    const many = Array.from({ length: 3000 }, (_, index) => caller(`account-${String(index)}`));
    expect(gateOf(onlyAllow(rule('n/p/a', { from: many })))).toBeUndefined();
  });
});
