/** What explain says of rate limits, and what becomes of calls that they cannot count. */
import { expect, test } from '@jest/globals';
import type { RateLimitSetting } from '../../model/index.js';
import { explainQuery } from '../index.js';
import { aPod, aPolicy, aService, aSlice, compile } from '../testing/mesh-builder.js';

function explainWith(rateLimit: RateLimitSetting): readonly string[] {
  const { view } = compile(
    ...[aService('cart'), aSlice('cart', ['10.1.0.1'])],
    aPod('cart', { ips: ['10.1.0.1'] }),
    aPod('client', { namespace: 'web', ips: ['10.1.0.9'] }),
    aPolicy('all', {
      targets: [{ kind: 'Namespace' }],
      rateLimit: { total: { requests: 9, perMs: 1000, burst: 0 } },
    }),
    aPolicy('cart', { targets: [{ kind: 'Pod', selector: {} }], rateLimit }),
  );
  const query = { from: 'web/client', to: 'cart.shop:80', method: 'GET', path: '/', headers: {} };
  const explained = explainQuery(view, query, 'cluster.local');
  if (!explained.ok) throw new Error(explained.error);
  return explained.value.steps
    .filter(({ says }) => says.startsWith('rate limit'))
    .map(({ says, from }) => `${says} from ${from.join()}`);
}

test('each bucket is the nearest policy’s that speaks of it', () => {
  expect(explainWith({ perIdentity: { requests: 2, perMs: 500 } })).toEqual([
    'rate limit 9 per 1s on each sidecar from TrafficPolicy shop/all spec.inbound.rateLimit.requests',
    'rate limit 2 per 500ms of each caller on each sidecar from TrafficPolicy shop/cart spec.inbound.rateLimit.perIdentity',
  ]);
});

test('the numbers of a bucket are one policy’s', () => {
  expect(explainWith({ total: { requests: 100, perMs: 60_000, burst: 5 } })).toEqual([
    'rate limit 100 per 1m on each sidecar, 5 more at once from TrafficPolicy shop/cart spec.inbound.rateLimit.requests',
  ]);
});
