/** The annotation between injection and plugin: there and back, and what others make of it. */
import { expect, test } from '@jest/globals';
import { parseRedirection, spellRedirection, type Redirection } from './redirection.js';

const full: Redirection = {
  families: ['v4', 'v6'],
  excludeInboundPorts: [9000],
  excludeOutboundPorts: [5432, 6379],
  excludeOutboundCidrs: ['10.0.0.0/8', 'fd00::/8'],
};
const plain: Redirection = {
  families: ['v4'],
  excludeInboundPorts: [],
  excludeOutboundPorts: [],
  excludeOutboundCidrs: [],
};

test.each([
  ['with everything', full],
  ['with nothing excluded', plain],
])('a redirection %s is read as it was written', (_, redirection) => {
  expect(parseRedirection(spellRedirection(redirection))).toEqual({ ok: true, value: redirection });
});

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['null', 'null'],
  ['no family', '{}'],
  ['a family that is none', '{"families":["v5"]}'],
  ['a port that is a text', '{"families":["v4"],"excludeInboundPorts":["80"]}'],
  ['a port beyond all ports', '{"families":["v4"],"excludeOutboundPorts":[70000]}'],
  ['rules in a CIDR', '{"families":["v4"],"excludeOutboundCidrs":["10.0.0.0/8 -j ACCEPT"]}'],
  ['a line feed in a CIDR', '{"families":["v4"],"excludeOutboundCidrs":["10.0.0.0/8\\nCOMMIT"]}'],
  ['more than anybody needs', ' '.repeat(20_000)],
])('%s is refused', (_, text) => {
  expect(parseRedirection(text)).toMatchObject({ ok: false });
});

test('whose connections pass cannot be said', () => {
  const read = parseRedirection('{"families":["v4"],"proxyUid":1000,"proxyGid":1000}');
  expect(read).toEqual({ ok: true, value: plain });
});
