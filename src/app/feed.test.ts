/** What a source's batch tells beside its rows: which pods are gone for good. */
import { expect, test } from '@jest/globals';
import { podKey, type Pod } from '../model/index.js';
import { feed } from './feed.js';

function podOf(name: string, uid: string, labels = {}): Pod {
  return {
    ...{ kind: 'Pod', key: podKey('shop', name), namespace: 'shop', name, uid, labels },
    ...{ serviceAccount: 'cart', ips: [], isInMesh: true, isHostNetwork: false },
    ...{ isTerminating: false, isFinished: false, containerPorts: [], unredirectedPorts: [] },
    probes: [],
  };
}

/** The uids that are told to be gone, of each batch of one change. */
function goneIn(changes: readonly (readonly [name: string, pod: Pod | undefined])[]): string[][] {
  const pods = new Map<string, Pod>();
  return changes.map(([name, value]) => {
    const gone: string[] = [];
    const ref = { group: '', kind: 'Pod', namespace: 'shop', name } as const;
    const change = { collection: 'pods', key: podKey('shop', name), value, ref } as const;
    feed(
      { changes: [change], diagnostics: [] },
      {
        loop: { put: () => undefined },
        gate: { set: () => undefined },
        pods,
        onPodGone: ({ uid }) => gone.push(uid),
      },
    );
    return gone;
  });
}

test('a pod that is deleted is gone, one that changes is not', () => {
  expect(
    goneIn([
      ['cart-1', podOf('cart-1', 'u-1')],
      ['cart-1', podOf('cart-1', 'u-1', { app: 'cart' })],
      ['cart-2', podOf('cart-2', 'u-2')],
      ['cart-1', undefined],
      ['cart-1', undefined],
    ]),
  ).toEqual([[], [], [], ['u-1'], []]);
});

test('a pod in whose name there is another one is gone', () => {
  expect(
    goneIn([
      ['cart-1', podOf('cart-1', 'u-1')],
      ['cart-1', podOf('cart-1', 'u-3')],
    ]),
  ).toEqual([[], ['u-1']]);
});
