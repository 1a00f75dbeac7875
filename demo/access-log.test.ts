/** Tests of reading access log lines. */
import { describe, expect, test } from '@jest/globals';
import { peerOf } from './access-log.js';

const line = (fields: object): string => JSON.stringify(fields);
const peer = 'spiffe://cluster.local/ns/b/sa/reviews';

describe('the peer of an inbound TCP connection', () => {
  test('is read from its line', () => {
    expect(peerOf(line({ kind: 'tcp', direction: 'inbound', peer }))).toBe(peer);
  });

  test.each([
    ['an outbound connection', line({ kind: 'tcp', direction: 'outbound', peer })],
    ['a request', line({ kind: 'http', direction: 'inbound', peer })],
    ['a caller without identity', line({ kind: 'tcp', direction: 'inbound', peer: null })],
    ['a line of Envoy’s own log', '[2025-01-01 00:00:00.000][1][warning] something'],
    ['a line that is half written', '{"kind":"tcp","direction":"inbound","pe'],
  ])('is none in %s', (_, text) => {
    expect(peerOf(text)).toBeUndefined();
  });
});
