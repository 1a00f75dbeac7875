/** When the keeper of statuses asks sidecars how far they are, and that what it tells is never older than a turn. */
import { beforeEach, expect, test } from '@jest/globals';
import { silentLogger } from '../../../lib/index.js';
import { podKey, policyKey, type TrafficPolicy } from '../../../model/index.js';
import type { SourceBatch } from '../../../sources/index.js';
import { heldTime, type HeldTime } from '../../../sources/kubernetes/testing/held-time.js';
import { createEffectivePolicies, type EffectivePolicies } from '../../effective-policies.js';
import { createNewsroom, type Newsroom } from '../../news.js';
import type { StatusKeeper, StatusKeeperOptions } from './contract.js';
import { createStatusKeeper } from './keeper.js';

const policy = policyKey('shop', 'p');
const pod = podKey('shop', 'a');
const form: TrafficPolicy = {
  ...{ kind: 'TrafficPolicy', key: policy, namespace: 'shop', name: 'p' },
  ...{ creationTimestampMs: 0, hash: '1', mode: 'Enforce', targets: [] },
};

let time: HeldTime;
let news: Newsroom;
let policies: EffectivePolicies;
/** The generation up to which the sidecar has answered. */
let answered: number;
/** How often it was asked. */
let asked: number;
/** Bodies of what was written, by what they are. */
let written: { kind: string; status?: { proxies?: object }; data?: Record<string, string> }[];
let keeper: StatusKeeper;

beforeEach(() => {
  time = heldTime();
  [answered, asked, written] = [1, 0, []];
  news = createNewsroom();
  policies = createEffectivePolicies([], { save: () => undefined, forget: () => undefined });
  const core = {
    ...{ news, policies, rejections: () => [], wouldDeny: () => new Map(), isTurned: () => true },
    standing: () => {
      asked += 1;
      return {
        ...{ isComplete: () => true, answeredGeneration: answered, replaced: [], refused: [] },
      };
    },
    pipeline: {
      reach: () => ({ pods: [pod], callers: { namespaces: [], isAllBut: false } }),
      policiesOf: () => [],
    },
  };
  const client = {
    send: ({ method, body }: { method: string; body?: unknown }) => {
      if (method !== 'PATCH') return new Promise(() => undefined);
      written.push(body as (typeof written)[number]);
      return Promise.resolve({});
    },
    stream: () => new Promise(() => undefined),
  };
  keeper = createStatusKeeper({
    core: core as unknown as StatusKeeperOptions['core'],
    client: client as unknown as StatusKeeperOptions['client'],
    clock: time,
    logger: silentLogger,
    random: () => 0,
    ...{ replica: 'one', rootNamespace: 'skerry-system', mayWrite: () => true },
  });
});

/** The sidecar connects, and holds everything. */
async function connect(): Promise<void> {
  const value = { namespace: 'shop', ips: ['10.0.0.1'], isInMesh: true, isTerminating: false };
  const change = { collection: 'pods', ref: { namespace: 'shop', name: 'a' }, key: pod, value };
  keeper.onBatch({ changes: [change] } as unknown as SourceBatch);
  news.tellStream({
    kind: 'opened',
    stream: { streamId: 'stream-1', proxyId: pod, scopes: [] },
  });
  await time.elapse(10_000);
  asked = 0;
  written = [];
}

/** The policy changes something for everybody, in generation 2. */
function turn(): void {
  policies.set(policy, form);
  const resource = {
    ...{ typeUrl: 't', name: 'r', version: '1', bytes: new Uint8Array(), isEager: true },
    origins: [{ object: 'TrafficPolicy shop/p', hash: '1' }],
  };
  news.tellTurn({
    ...{ generation: 2, policies: [policy], diagnostics: [] },
    resources: [{ scope: 'mesh', typeUrl: 't', name: 'r', resource }],
  });
}

/** The API server tells of the policy's object. */
function arrive(): void {
  const metadata = {
    ...{ name: 'p', namespace: 'shop', uid: 'u', generation: 1, resourceVersion: '5' },
  };
  const outcome = { kind: 'good', row: { collection: 'policies', value: form } };
  keeper.onPolicyObject('shop/p', { metadata, spec: {} }, {
    ...{ kind: 'ours', outcome, diagnostics: [] },
  } as unknown as Parameters<StatusKeeper['onPolicyObject']>[2]);
}

test('after a turn sidecars are asked once they can have answered, and not while it is on its way', async () => {
  await connect();
  turn();
  await time.elapse(199);
  expect(asked).toBe(0);
  await time.elapse(1);
  expect(asked).toBe(1);
});

test('the summary that follows a turn tells what sidecars have answered by then', async () => {
  keeper.start();
  await connect();
  turn();
  await time.elapse(100);
  answered = 2;
  await time.elapse(100);
  expect(written).toHaveLength(1);
  expect(JSON.parse(written[0]?.data?.['summary.json'] ?? '')).toMatchObject({ behind: {} });
  // There is nothing more to tell before the next heartbeat.
  await time.elapse(4_000);
  expect(written).toHaveLength(1);
});

test.each([
  ['at once', 5],
  ['late', 60],
  ['when the status is overdue', 300],
])(
  'a sidecar that a turn gives nothing is not told as missing, where the turn comes %s',
  async (_when, turnMs) => {
    keeper.lead();
    await connect();
    arrive();
    await time.elapse(turnMs);
    // It holds the same bytes already.
    answered = 2;
    turn();
    await time.elapse(500);
    expect(written.map(({ status }) => status?.proxies)).toEqual([
      expect.objectContaining({ live: 1, summary: '1/1' }),
    ]);
  },
);
