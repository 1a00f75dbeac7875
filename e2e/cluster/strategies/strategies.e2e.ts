/** Claim: the pages on bringing out a new version do what they say, and no request fails on the way. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { isPlausibleShare } from '../../../demo/statistics.js';
import type { Agent, LoadResult } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { untilInstalled } from '../../kit/cluster/cluster.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';
import { pageYaml } from '../../kit/docs-page.js';

const suite = openSuite(import.meta.url);
const url = 'http://web/';
let caller: Agent;

/** `kubectl apply -f` or `delete -f` of files of a page. */
async function kubectl(verb: 'apply' | 'delete', page: string, ...files: string[]): Promise<void> {
  const yaml = await pageYaml(page);
  const texts = files.map((file) => {
    const text = yaml.get(file);
    if (text === undefined) throw new Error(`docs/tasks/${page}.md has no ${file}`);
    return text;
  });
  const flags = verb === 'delete' ? ['--ignore-not-found', '--wait=false'] : [];
  await suite.rig.kubectl([verb, ...flags, '-f', '-'], { input: texts.join('---\n') });
}

const removePolicy = (): Promise<string> =>
  suite.kubectl('delete', 'trafficpolicies.skerry.dev', 'web', '-n', 'shop', '--ignore-not-found');

const appReady = async (): Promise<void> => {
  await Promise.all(['web-v1', 'caller'].map((name) => suite.ready('shop', `deployment/${name}`)));
};

beforeAll(async () => {
  await untilInstalled(suite.rig);
  await kubectl('apply', 'strategies', 'app.yaml');
  await appReady();
  caller = await suite.caller('shop', 'app=caller');
});
afterAll(() => suite.stop());

afterEach(async () => {
  await kubectl('apply', 'strategies', 'app.yaml');
  await appReady();
  await removePolicy();
  await kubectl('delete', 'strategies', 'v2.yaml');
  await untilAll('v1');
});

/** Waits until all of 40 calls are answered by that version. */
async function untilAll(version: string, headers: Record<string, string> = {}): Promise<void> {
  await eventually(
    `${version} for all`,
    async () => {
      const { versions } = await caller.load({ url, total: 40, headers });
      return versions[version] === 40 ? true : undefined;
    },
    60_000,
  );
}

/** What came of GETs and POSTs, those of group b and others, that are sent while `task` runs. */
async function underLoad(what: string, task: () => Promise<void>): Promise<LoadResult> {
  const kinds = [
    { method: 'GET' },
    { method: 'POST' },
    { method: 'GET', headers: { 'x-user': 'beta', cookie: 'theme=dark; group=b' } },
  ];
  const loads = await Promise.all(
    kinds.map((kind) => caller.startLoad({ url, concurrency: 2, requestsPerSecond: 60, ...kind })),
  );
  let results: readonly LoadResult[] = [];
  try {
    await task();
  } finally {
    results = await Promise.all(loads.map((load) => load.stop()));
  }
  for (const { errors, statuses, total } of results) {
    expect({ errors, statuses }).toEqual({ errors: {}, statuses: { 200: total } });
  }
  const total = results.reduce((sum, one) => sum + one.total, 0);
  claim('strategies', `failed of ${total} calls during ${what}:`, 0);
  const [first] = results;
  if (first === undefined) throw new Error('no load');
  return first;
}

const v2Ready = (): Promise<void> => suite.ready('shop', 'deployment/web-v2');

describe('canary', () => {
  test('by weight and by header, to the end, with the policy first and the old version gone first', async () => {
    await underLoad('a canary from its policy to the end of the old version', async () => {
      await kubectl('apply', 'canary', 'canary.yaml');
      await kubectl('apply', 'strategies', 'v2.yaml');
      await v2Ready();
      await untilAll('v2', { 'x-user': 'beta' });
      const { versions } = await caller.load({ url, total: 600 });
      const hits = versions['v2'] ?? 0;
      claim('strategies', 'calls of 600 that got the canary of 10 %:', hits);
      expect(isPlausibleShare({ hits, trials: 600, share: 0.1 })).toBe(true);
      await kubectl('apply', 'canary', 'all.yaml');
      await untilAll('v2');
      await suite.kubectl('delete', 'deployment', 'web-v1', '-n', 'shop');
      await removePolicy();
      await untilAll('v2');
    });
  });

  test('v1 takes the share of a v2 that is deleted', async () => {
    await kubectl('apply', 'strategies', 'v2.yaml');
    await kubectl('apply', 'canary', 'canary.yaml');
    await v2Ready();
    await untilAll('v2', { 'x-user': 'beta' });
    await underLoad('the deletion of a canary before its policy', async () => {
      await kubectl('delete', 'strategies', 'v2.yaml');
      await untilAll('v1', { 'x-user': 'beta' });
    });
  });
});

test('A/B by cookie and by header', async () => {
  await underLoad('an A/B test', async () => {
    await kubectl('apply', 'ab-test', 'ab.yaml');
    await kubectl('apply', 'strategies', 'v2.yaml');
    await v2Ready();
    await untilAll('v2', { cookie: 'theme=dark; group=b' });
  });
  const versionFor = async (headers: Record<string, string>): Promise<object> =>
    (await caller.load({ url, total: 20, headers })).versions;
  for (const cookie of ['group=b', 'group=b; theme=dark', 'a=1;group=b', 'a=1; group=b; c=2']) {
    expect({ cookie, versions: await versionFor({ cookie }) }).toEqual({
      cookie,
      versions: { v2: 20 },
    });
  }
  for (const cookie of ['group=blue', 'othergroup=b', 'a=group=b', 'group=a']) {
    expect({ cookie, versions: await versionFor({ cookie }) }).toEqual({
      cookie,
      versions: { v1: 20 },
    });
  }
  expect(await versionFor({ 'x-group': 'b' })).toEqual({ v2: 20 });
  expect(await versionFor({})).toEqual({ v1: 20 });
});

test('blue/green: the switch before green is there, back, and again', async () => {
  await underLoad('blue/green switches', async () => {
    // Neither colour has a Service yet, nor green a pod.
    await kubectl('apply', 'blue-green', 'colours.yaml', 'blue.yaml');
    await kubectl('apply', 'blue-green', 'green.yaml');
    await kubectl('apply', 'strategies', 'v2.yaml');
    await v2Ready();
    await untilAll('v2');
    await kubectl('apply', 'blue-green', 'blue.yaml');
    await untilAll('v1');
    await kubectl('apply', 'blue-green', 'green.yaml');
    await untilAll('v2');
    await suite.kubectl('delete', 'service', 'web-green', '-n', 'shop');
    await untilAll('v1');
  });
  await removePolicy();
  await kubectl('delete', 'blue-green', 'colours.yaml');
});

test('mirroring: the shadow gets every call, and comes and goes unnoticed', async () => {
  const shadow = async (): Promise<string> =>
    await suite.kubectl('logs', 'deployment/web-shadow', '-c', 'app', '-n', 'shop');
  await underLoad('mirroring to a shadow that comes and goes', async () => {
    await kubectl('apply', 'mirroring', 'mirror.yaml');
    await kubectl('apply', 'mirroring', 'shadow.yaml');
    await suite.ready('shop', 'deployment/web-shadow');
    await eventually('a copy', async () => {
      await caller.load({ url: `${url}warm`, total: 1 });
      return (await shadow()).includes('"url":"/warm"') ? true : undefined;
    });
    const total = 100;
    const { versions } = await caller.load({ url: `${url}counted`, total });
    expect(versions).toEqual({ v1: total });
    await eventually('all copies', async () => {
      const copies = (await shadow())
        .split('\n')
        .filter((line) => line.includes('"url":"/counted"'));
      return copies.length === total ? true : undefined;
    });
    claim('strategies', `copies that the shadow got of ${total} calls:`, total);
    await kubectl('delete', 'mirroring', 'shadow.yaml');
    await eventually('the shadow gone', async () =>
      (await suite.pods('shop', 'app=web-shadow')).length === 0 ? true : undefined,
    );
  });
});

test('a rolling update, with nothing but kubectl apply', async () => {
  await underLoad('a rolling update', async () => {
    await kubectl('apply', 'rolling-update', 'update.yaml');
    await suite.ready('shop', 'deployment/web-v1');
    await untilAll('v1.1');
  });
});
