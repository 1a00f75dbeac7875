/** Claim: without the API server running pods go on calling each other, even while a replica dies. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CommandError, runCommand, type Agent } from '../../../demo/rig/index.js';
import { claim, since } from '../../kit/claim.js';
import { controllerPods, systemNamespace, untilInstalled } from '../../kit/cluster/cluster.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
const seconds = Number(process.env['SKERRY_OUTAGE_SECONDS'] ?? '30');
let caller: Agent;

beforeAll(async () => {
  await suite.start();
  caller = await suite.caller('outage', 'caller');
});
afterAll(() => suite.stop());

interface State {
  readonly waiting: readonly string[];
  readonly sources: readonly {
    readonly kind: string;
    readonly ageMs: number;
    readonly problem?: string;
  }[];
}

/** Asks a replica by a command in its container, which takes no API server. */
async function ask<T>(pod: string, path: string): Promise<T> {
  const target = { namespace: systemNamespace, pod, container: 'controller' };
  const command = ['/usr/local/bin/skerry', 'admin', 'get', path];
  const { stdout } = await runCommand(await suite.rig.directArgv(target, command));
  return JSON.parse(stdout) as T;
}

/** What `skerry check` says on the replica's own node. */
async function checkOn(pod: string): Promise<string> {
  const target = { namespace: systemNamespace, pod, container: 'controller' };
  const command = ['/usr/local/bin/skerry', 'check', '--admin-socket', '/run/skerry/admin.sock'];
  const argv = await suite.rig.directArgv(target, command);
  const outcome = await runCommand(argv).catch((error: unknown) => {
    // What is older than a minute is a finding.
    if (error instanceof CommandError && error.exitCode === 1) return error;
    throw error;
  });
  return outcome.stdout;
}

async function sidecarsOf(pod: string): Promise<readonly string[]> {
  const proxies = await ask<readonly { readonly name: string }[]>(pod, '/v1/proxies');
  return proxies.map(({ name }) => name).filter((name) => name.startsWith('outage/'));
}

const probe = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'admitted', namespace: 'outage' },
  spec: { containers: [{ name: 'app', image: 'app' }] },
};

/**
 * A node that could not be heard of counts as lost for a while after its API server is back, and its
 * pods as not ready: until that is over, Services come and go.
 */
async function untilCalm(): Promise<void> {
  const calmMs = 15_000;
  let calmSince = performance.now();
  await eventually(
    'pods admitted for fifteen seconds in a row',
    async () => {
      await suite.rig
        .kubectl(['apply', '--dry-run=server', '-f', '-'], { input: JSON.stringify(probe) })
        .catch(() => {
          calmSince = performance.now();
        });
      return performance.now() - calmSince > calmMs ? true : undefined;
    },
    120_000,
  );
  await untilInstalled(suite.rig);
  await untilReached();
}

/**
 * The cluster's own DNS and proxy listen to their API server again each kind of object for itself, up to
 * half a minute late: until then they know no new namespace, Service or endpoint.
 */
async function untilReached(): Promise<void> {
  const startedAt = performance.now();
  // The namespace's service account, too, is made by one who listens.
  await eventually(
    'objects of a new namespace',
    async () => {
      await suite.apply('_afterwards.yaml');
      return true;
    },
    120_000,
  );
  const namespace = 'outage-afterwards';
  for (const pod of ['pod/web', 'pod/caller']) await suite.ready(namespace, pod);
  const newcomer = await suite.caller(namespace, 'caller');
  // As often as it takes to have asked every replica of the DNS.
  for (const url of ['http://web/', 'http://web-pods:8080/']) {
    await eventually(
      `twenty calls to ${url}, which is new`,
      async () => {
        for (let call = 0; call < 20; call += 1) {
          if ((await newcomer.http({ url })).status !== 200) return undefined;
        }
        return true;
      },
      120_000,
    );
    claim('outage', `new pods call ${url} after:`, since(startedAt));
  }
}

test(
  'no request fails while the API server is away and a replica dies',
  async () => {
    const load = await caller.startLoad({
      ...{ url: 'http://web/', concurrency: 4, requestsPerSecond: 100 },
    });
    const [victim = '', survivor = ''] = (await controllerPods(suite.rig)).map(
      ({ metadata }) => metadata.name,
    );
    const all = new Set([...(await sidecarsOf(victim)), ...(await sidecarsOf(survivor))]);
    expect(all.size).toBe(3);
    const startedAt = performance.now();
    await suite.rig.stopApiServer();
    const stoppedAt = performance.now();
    try {
      const target = { namespace: systemNamespace, pod: victim, container: 'controller' };
      await suite.rig.signalContainer(target, 'SIGKILL');
      await eventually(
        'all sidecars at the replica that is left',
        async () => ((await sidecarsOf(survivor)).length === all.size ? true : undefined),
        120_000,
      );
      claim('outage', 'from the death of a replica until the other served all:', since(startedAt));

      const silentMs = Math.floor(performance.now() - stoppedAt);
      const state = await ask<State>(survivor, '/v1/state');
      expect(state.waiting).toEqual([]);
      const pods = state.sources.find(({ kind }) => kind === 'pods');
      expect(pods?.problem).toMatch(/no answer/);
      expect(pods?.ageMs).toBeGreaterThanOrEqual(silentMs);

      expect(await checkOn(survivor)).toMatch(
        /sources +\d+ collections, the oldest as of .* ago \(/,
      );

      const leftMs = seconds * 1000 - (performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, leftMs)));
    } finally {
      await suite.rig.startApiServer();
    }
    claim('outage', 'the API server was away for:', since(startedAt));
    await untilInstalled(suite.rig);
    const backAt = performance.now();
    await suite.apply('_refuse.yaml');
    await eventually(
      'the policy',
      async () =>
        (await caller.http({ url: 'http://web/closed' })).status === 403 ? true : undefined,
      60_000,
    );
    claim('outage', 'afterwards a policy held after:', since(backAt));
    const { total, statuses, errors } = await load.stop();
    claim('outage', 'calls meanwhile, none failed:', total);
    expect({ statuses, errors }).toEqual({ statuses: { 200: total }, errors: {} });
    await untilCalm();
  },
  (seconds + 600) * 1000,
);
