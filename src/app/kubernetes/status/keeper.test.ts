/** When the keeper of statuses asks sidecars how far they are. */
import { expect, test } from '@jest/globals';
import { silentLogger } from '../../../lib/index.js';
import { podKey, policyKey } from '../../../model/index.js';
import { createEffectivePolicies } from '../../effective-policies.js';
import { createNewsroom } from '../../news.js';
import type { StatusKeeperOptions } from './contract.js';
import { createStatusKeeper } from './keeper.js';

const policy = policyKey('shop', 'p');

test('after a turn sidecars are asked once they can have answered, and not while it is on its way', () => {
  const timers: { readonly delayMs: number; readonly task: () => void }[] = [];
  const asked: string[] = [];
  const news = createNewsroom();
  const policies = createEffectivePolicies([], { save: () => undefined, forget: () => undefined });
  const core = {
    ...{ news, policies, rejections: () => [], wouldDeny: () => new Map(), isTurned: () => true },
    standing: (stream: string) => {
      asked.push(stream);
      return { isComplete: () => true, answeredGeneration: 2, replaced: [], refused: [] };
    },
  };
  createStatusKeeper({
    core: core as unknown as StatusKeeperOptions['core'],
    client: {} as StatusKeeperOptions['client'],
    clock: {
      now: () => 0,
      after: (delayMs, task) => {
        timers.push({ delayMs, task });
        return () => undefined;
      },
    },
    logger: silentLogger,
    ...{ replica: 'one', rootNamespace: 'skerry-system', mayWrite: () => false },
  });
  const stream = { streamId: 'stream-1', proxyId: podKey('shop', 'a'), scopes: [] };
  news.tellStream({ kind: 'opened', stream });
  for (const { task } of timers.splice(0)) task();
  expect(asked).toEqual(['stream-1']);
  policies.set(policy, {
    ...{ kind: 'TrafficPolicy', key: policy, namespace: 'shop', name: 'p' },
    ...{ creationTimestampMs: 0, hash: '1', mode: 'Enforce', targets: [] },
  });
  news.tellTurn({
    ...{ generation: 2, policies: [policy], diagnostics: [] },
    resources: [
      {
        ...{ scope: 'mesh', typeUrl: 't', name: 'r' },
        resource: {
          ...{ typeUrl: 't', name: 'r', version: '1', bytes: new Uint8Array(), isEager: true },
          origins: [{ object: 'TrafficPolicy shop/p', hash: '1' }],
        },
      },
    ],
  });
  // A thousand sidecars follow within this on two cores, and the queue of statuses waits 250 ms.
  expect(timers.map(({ delayMs }) => delayMs)).toEqual([200]);
  expect(asked).toEqual(['stream-1']);
});
