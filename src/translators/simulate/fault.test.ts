/** What explain says of faults: who made them, and when a call never gets further. */
import { expect, test } from '@jest/globals';
import type { FaultSetting } from '../../model/index.js';
import { explainQuery } from '../index.js';
import { aPod, aPolicy, aService, aSlice, compile } from '../testing/mesh-builder.js';
import type { Explanation } from './explain.js';

const targets = [{ kind: 'Service' as const, namespace: 'shop', name: 'cart' }];

function explainWith(fault: FaultSetting, contentType = 'text/plain'): Explanation {
  const { view } = compile(
    ...[aService('cart'), aSlice('cart', ['10.1.0.1'])],
    aPod('cart', { ips: ['10.1.0.1'] }),
    aPod('client', { namespace: 'web', ips: ['10.1.0.9'] }),
    aPolicy('tried', { targets, routes: [{ name: 'all', matches: [], backends: [], fault }] }),
  );
  const headers = { 'content-type': contentType };
  const query = { from: 'web/client', to: 'cart.shop:80', method: 'GET', path: '/', headers };
  const explained = explainQuery(view, query, 'cluster.local');
  if (!explained.ok) throw new Error(explained.error);
  return explained.value;
}

test('what may be done to a call is said, with its YAML', () => {
  const { steps, outcomes } = explainWith({
    delay: { percent: 0.01, durationMs: 200 },
    abort: { percent: 5, httpStatus: 503, grpcStatus: 'UNAVAILABLE' },
  });
  expect(steps.filter(({ says }) => says.startsWith('fault'))).toEqual([
    {
      at: 'route',
      says: 'fault: 0.01 % of the calls held back for 200ms',
      from: ['TrafficPolicy shop/tried spec.routes[0].fault.delay'],
    },
    {
      at: 'route',
      says: 'fault: 5 % of the calls answered with status 503 or gRPC status UNAVAILABLE (gRPC calls) instead of forwarded',
      from: ['TrafficPolicy shop/tried spec.routes[0].fault.abort'],
    },
  ]);
  expect(outcomes.map(({ verdict }) => verdict)).toEqual(['admitted']);
});

test.each<readonly [string, FaultSetting['abort'], string | undefined]>([
  ['text/plain', { percent: 100, httpStatus: 503 }, 'status 503'],
  ['application/grpc', { percent: 100, httpStatus: 503 }, 'the gRPC status that stands for 503'],
  ['text/plain', { percent: 100, grpcStatus: 'ABORTED' }, undefined],
  ['application/grpc+proto', { percent: 100, grpcStatus: 'ABORTED' }, 'gRPC status ABORTED'],
  ['application/grpc-web', { percent: 100, grpcStatus: 'ABORTED' }, undefined],
  ['application/grpc', { percent: 99.9, grpcStatus: 'ABORTED' }, undefined],
])('a call of type %s under %j is answered with %s', (type, abort, answer) => {
  const { outcomes } = explainWith(abort === undefined ? {} : { abort }, type);
  const answered = { endpoint: '', verdict: 'answered' };
  const by = `${answer ?? ''} from the fault of route shop/tried/all`;
  expect(outcomes).toEqual(
    answer === undefined
      ? [expect.objectContaining({ verdict: 'admitted' })]
      : [{ ...answered, by }],
  );
});
