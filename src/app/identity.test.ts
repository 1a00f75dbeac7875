/** Who a proved identity may speak for: its own pod, as the source has it now, and nobody else. */
import { expect, test } from '@jest/globals';
import type { WorkloadIdentity } from '../ca/index.js';
import { podKey, type Pod } from '../model/index.js';
import { admit } from './identity.js';

const identity: WorkloadIdentity = {
  ...{ namespace: 'shop', serviceAccount: 'cart', podName: 'cart-1', podUid: 'uid-1' },
  ...{ nodeName: 'node-1', expiresAtMs: 0 },
};
const unbound: Pod = {
  ...{ kind: 'Pod', key: podKey('shop', 'cart-1'), namespace: 'shop', name: 'cart-1' },
  ...{ uid: 'uid-1', serviceAccount: 'cart', ips: ['192.0.2.1'], labels: {} },
  ...{ isInMesh: true, isHostNetwork: false, isTerminating: false, isFinished: false },
  ...{ containerPorts: [], unredirectedPorts: [], probes: [] },
};
const pod: Pod = { ...unbound, nodeName: 'node-1' };

test('its own pod it may', () => {
  expect(admit(identity, 'shop/cart-1', pod)).toEqual({ ok: true, value: pod });
});

test('a pod whose node is not known yet it may', () => {
  expect(admit(identity, 'shop/cart-1', unbound).ok).toBe(true);
});

test.each<readonly [string, string, Pod | undefined, string]>([
  ['under another’s node id', 'shop/cart-2', pod, 'node-id'],
  ['under another namespace’s node id', 'web/cart-1', pod, 'node-id'],
  ['for a pod that nobody knows', 'shop/cart-1', undefined, 'unknown-pod'],
  ['for a later pod of the name', 'shop/cart-1', { ...pod, uid: 'uid-2' }, 'pod-uid'],
  [
    'for a pod that runs as another',
    'shop/cart-1',
    { ...pod, serviceAccount: 'admin' },
    'service-account',
  ],
  ['for a pod on another node', 'shop/cart-1', { ...pod, nodeName: 'node-2' }, 'wrong-node'],
  ['for a pod without a sidecar', 'shop/cart-1', { ...pod, isInMesh: false }, 'not-in-mesh'],
  ['for a pod that has ended', 'shop/cart-1', { ...pod, isFinished: true }, 'finished'],
])('a token is refused %s', (_what, nodeId, known, reason) => {
  expect(admit(identity, nodeId, known)).toMatchObject({
    ok: false,
    error: { code: 'permission-denied', reason },
  });
});
