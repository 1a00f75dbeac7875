/** Tests of reading identities out of x-forwarded-client-cert. */
import { describe, expect, test } from '@jest/globals';
import { callerSpiffeId } from './client-cert-header.js';

const a = 'spiffe://cluster.local/ns/a/sa/frontend';
const b = 'spiffe://cluster.local/ns/b/sa/reviews';

describe('the caller’s identity in x-forwarded-client-cert', () => {
  test.each([
    ['stands behind URI', `By=${b};Hash=12ab;URI=${a}`, a],
    ['may stand before quoted parts with separators', `URI=${a};Subject="O=x;y,z"`, a],
    ['may stand behind quoted parts with escaped quotes', `Subject="a\\";b,c";URI=${a}`, a],
    ['is the last hop’s where there are several', `By=x;URI=${a},By=y;URI=${b}`, b],
    ['may be quoted itself', `URI="${a}"`, a],
    ['is not the server’s own', `By=${b}`, undefined],
    ['is absent in an empty header', '', undefined],
  ])('%s', (_, header, expected) => {
    expect(callerSpiffeId(header)).toBe(expected);
  });
});
