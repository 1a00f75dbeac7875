/** SPIFFE ids by the letter of the specification. */
import { expect, test } from '@jest/globals';
import { parseSpiffeId, parseTrustDomain, parseWorkloadSpiffeId } from './spiffe.js';

test.each([
  ['spiffe://example.org', 'example.org', []],
  ['spiffe://example.org/a/B_c-1.2', 'example.org', ['a', 'B_c-1.2']],
  ['spiffe://a_b-c.1/...', 'a_b-c.1', ['...']],
])('%s is a SPIFFE id', (text, trustDomain, segments) => {
  expect(parseSpiffeId(text)).toEqual({ ok: true, value: { trustDomain, segments } });
});

test.each([
  [''],
  ['example.org/a'],
  ['http://example.org/a'],
  ['SPIFFE://example.org/a'],
  ['spiffe://'],
  ['spiffe:///a'],
  ['spiffe://Example.org/a'],
  ['spiffe://example.org:443/a'],
  ['spiffe://user@example.org/a'],
  ['spiffe://example.org/'],
  ['spiffe://example.org/a/'],
  ['spiffe://example.org//a'],
  ['spiffe://example.org/a/./b'],
  ['spiffe://example.org/a/../b'],
  ['spiffe://example.org/a%2fb'],
  ['spiffe://example.org/a?b'],
  ['spiffe://example.org/a#b'],
  ['spiffe://example.org/é'],
  ['spiffe://example.org/a\n'],
  [`spiffe://example.org/${'a'.repeat(2048)}`],
  [`spiffe://${'a'.repeat(256)}/a`],
])('%j is no SPIFFE id', (text) => {
  expect(parseSpiffeId(text).ok).toBe(false);
});

test('a trust domain has 1 to 255 characters', () => {
  expect(parseTrustDomain('a'.repeat(255)).ok).toBe(true);
  expect(parseTrustDomain('a'.repeat(256)).ok).toBe(false);
  expect(parseTrustDomain('').ok).toBe(false);
});

test('a workload id yields its namespace and service account', () => {
  expect(parseWorkloadSpiffeId('spiffe://example.org/ns/shop/sa/cart.v2')).toMatchObject({
    ok: true,
    value: { trustDomain: 'example.org', namespace: 'shop', serviceAccount: 'cart.v2' },
  });
});

test.each([
  ['spiffe://example.org/ns/shop'],
  ['spiffe://example.org/ns/shop/sa/cart/x'],
  ['spiffe://example.org/sa/cart/ns/shop'],
  ['spiffe://example.org/ns/Shop/sa/cart'],
  ['spiffe://example.org/ns/shop.a/sa/cart'],
  ['spiffe://example.org/ns/shop/sa/-cart'],
])('%s names no workload', (text) => {
  expect(parseWorkloadSpiffeId(text).ok).toBe(false);
});
