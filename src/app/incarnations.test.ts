/** Streams end with the pod they were opened for. */
import { expect, test } from '@jest/globals';
import type { WorkloadChange } from '../translators/index.js';
import { podKey, spiffeId } from '../model/index.js';
import { createIncarnations } from './incarnations.js';

const pod = podKey('shop', 'cart-0');

function cart(uid: string, serviceAccount = 'cart', labels = {}): WorkloadChange {
  return {
    pod,
    sidecar: {
      pod,
      namespace: 'shop',
      name: 'cart-0',
      uid,
      serviceAccount,
      spiffeId: spiffeId('cluster.local', 'shop', serviceAccount),
      labels,
      ips: ['10.1.0.1'],
      isTerminating: false,
    },
  };
}

test('a pod that comes, or changes its labels, keeps its streams', () => {
  const incarnations = createIncarnations();
  expect(incarnations.replaced([cart('1')])).toEqual([]);
  expect(incarnations.replaced([cart('1', 'cart', { version: 'v2' })])).toEqual([]);
});

test.each([
  ['that is gone', { pod }],
  ['replaced by another of its name within one turn', cart('2')],
  ['that runs as another service account', cart('1', 'other')],
])('a pod %s loses its streams', (_, change: WorkloadChange) => {
  const incarnations = createIncarnations();
  incarnations.replaced([cart('1')]);
  expect(incarnations.replaced([change])).toEqual([pod]);
});

test('a pod that was gone and is back under a new uid has no streams to lose', () => {
  const incarnations = createIncarnations();
  incarnations.replaced([cart('1')]);
  incarnations.replaced([{ pod }]);
  expect(incarnations.replaced([cart('2')])).toEqual([]);
});
