/** Claim: what explain says of a request is what real sidecars do with it, over random policies and requests. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { setTimeout as pause } from 'node:timers/promises';
import type { CallResult, Mesh } from '../../../demo/rig/index.js';
import { readDirectory } from '../../../src/sources/index.js';
import { createPipeline, explainQuery, type Explanation } from '../../../src/translators/index.js';
import { toPipelineChanges } from '../../../src/translators/testing/manifests.js';
import { claim } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';
import { randomPolicy, randomRequest, type RandomPolicy, type RandomRequest } from './random.js';

/** Seed and round of a run that failed show it again; more rounds by SKERRY_ROUNDS. */
const onlyRound = process.env['SKERRY_ROUND'];
const seed = Number(process.env['SKERRY_SEED'] ?? Date.now() % 1_000_000_007);
const rounds = Number(process.env['SKERRY_ROUNDS'] ?? 10);
const requestsEach = 100;
const callers = ['web/client', 'other/client'] as const;
const versions = ['v1', 'v2'] as const;
/** What one worker thread of a sidecar follows the others follow within this. */
const handOverMs = 50;

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

/** Each rule marks what it has taken; `/live/<round>/<version>` shows that a round is in force everywhere. */
function policyText(round: number, { routes, allow, deny, denyV2 }: RandomPolicy): string {
  const named = (list: readonly object[], kind: string): readonly object[] =>
    list.map((each, index) => ({ name: `${kind}-${String(index)}`, ...each }));
  const marked = routes.map((each, index) => ({
    name: `route-${String(index)}`,
    responseHeaders: { set: { 'x-route': `route-${String(index)}` } },
    ...each,
  }));
  const live = versions.map((version) => ({
    name: `live-${version}`,
    matches: [{ path: { type: 'Exact', value: `/live/${String(round)}/${version}` } }],
    backends: [{ subset: { version } }],
  }));
  const watching = { name: 'live', to: [{ paths: [`/live/${String(round)}/*`] }] };
  return manifest(
    trafficPolicy('shop/catalog', {
      targetRefs: [{ kind: 'Service', name: 'catalog' }],
      routes: [...live, ...marked],
      inbound: {
        authorization: {
          default: 'Deny',
          deny: named(deny, 'deny'),
          allow: [watching, ...named(allow, 'allow')],
        },
      },
    }),
    trafficPolicy('shop/v2', {
      targetRefs: [{ kind: 'Pod', selector: { matchLabels: { version: 'v2' } } }],
      // Of a rule that nobody meets, so that it is there in each round.
      inbound: {
        authorization: {
          deny: [{ name: 'none', to: [{ paths: ['/live-never'] }] }, ...named(denyV2, 'deny')],
        },
      },
    }),
  );
}

/** Each caller has this round's routes, and each server its rules. */
async function untilLive(round: number): Promise<void> {
  for (const from of callers) {
    const agent = await mesh.agent(from);
    for (const version of versions) {
      const url = `http://catalog.shop/live/${String(round)}/${version}`;
      await eventually(
        `round ${String(round)} from ${from} at ${version}`,
        async () => {
          const found = await agent.http({ url });
          return found.status === 200 && found.version === version ? true : undefined;
        },
        30_000,
      );
    }
  }
  await pause(handOverMs);
}

/** What explain says of requests now, from the very files that the control plane reads. */
async function openExplain(): Promise<(request: RandomRequest) => Explanation> {
  const { changes, diagnostics } = await readDirectory(mesh.directory);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const pipeline = createPipeline({
    trustDomain: 'cluster.local',
    rootNamespace: 'skerry-system',
    layout: 'on-demand',
    meshCidrs: [],
    accessLog: 'All',
    clusterDomain: 'cluster.local',
  });
  pipeline.apply(toPipelineChanges(changes));
  return (request) => {
    const query = { ...request, to: 'catalog.shop:80' };
    const answer = explainQuery(pipeline.view, query, 'cluster.local');
    if (!answer.ok) throw new Error(answer.error);
    return answer.value;
  };
}

const addresses: Readonly<Record<string, string>> = { v1: '10.66.2.1:8080', v2: '10.66.2.2:8080' };

/** In what the sidecars did otherwise than explain says; undefined: in nothing. */
function disagreement({ facts, outcomes }: Explanation, found: CallResult): string | undefined {
  const { status, headers, version } = found;
  if (facts.status !== undefined) {
    return status === facts.status ? undefined : `explain answers ${String(facts.status)}`;
  }
  const route = facts.route?.split('/').at(-1);
  if (headers['x-route'] !== route) return `explain takes ${String(route)}`;
  switch (status) {
    case 200: {
      const outcome = outcomes.find(({ endpoint }) => endpoint === addresses[version ?? '']);
      return outcome?.verdict === 'admitted'
        ? undefined
        : `explain does not admit at ${String(version)}`;
    }
    case 403:
      return outcomes.some(({ verdict }) => verdict === 'refused') ? undefined : 'explain admits';
    case 503:
      return outcomes.every(({ verdict }) => verdict === 'no endpoint')
        ? undefined
        : 'explain knows endpoints';
    default:
      return 'explain knows no such status';
  }
}

async function agree(
  round: number,
  requests: readonly RandomRequest[],
): Promise<ReadonlyMap<string, number>> {
  const explain = await openExplain();
  const statuses = new Map<string, number>();
  const check = async (request: RandomRequest): Promise<void> => {
    const { from, path, ...rest } = request;
    const agent = await mesh.agent(from);
    const found = await agent.http({
      url: 'http://catalog.shop/',
      rawPath: path,
      ...rest,
      group: from,
    });
    const expected = explain(request);
    const problem = disagreement(expected, found);
    if (problem !== undefined) {
      const shown = JSON.stringify({ seed, round, request, problem, found, expected }, null, 1);
      throw new Error(`explain and Envoy disagree: ${shown}`);
    }
    const status = String(found.status);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  const queue = [...requests];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await check(next);
  };
  await Promise.all([work(), work(), work(), work()]);
  return statuses;
}

test(
  'explain and Envoy agree on every one of random requests under random policies',
  async () => {
    const policies = fc.sample(randomPolicy, { seed, numRuns: rounds });
    const totals = new Map<string, number>();
    for (const [round, policy] of policies.entries()) {
      if (onlyRound !== undefined && onlyRound !== String(round)) continue;
      const text = policyText(round, policy);
      await mesh.writeManifest('50-random.yaml', text);
      await untilLive(round).catch((cause: unknown) => {
        throw new Error(`seed ${String(seed)}, round ${String(round)}: ${text}`, { cause });
      });
      const requests = fc.sample(randomRequest, { seed: seed + round, numRuns: requestsEach });
      for (const [status, count] of await agree(round, requests)) {
        totals.set(status, (totals.get(status) ?? 0) + count);
      }
    }
    const sum = [...totals.values()].reduce((all, count) => all + count, 0);
    expect(sum).toBe(rounds * requestsEach);
    // Otherwise it would show little.
    expect([...totals.keys()]).toEqual(expect.arrayContaining(['200', '403', '404']));
    const shown = [...totals]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([status, count]) => `${String(count)} × ${status}`);
    claim(
      'explain-agrees',
      `seed ${String(seed)}: requests under ${String(rounds)} policies on which explain and Envoy agree (${shown.join(', ')})`,
      sum,
    );
  },
  120_000 + rounds * 30_000,
);

test('a split of 20,000 requests is within 1 % of its weights', async () => {
  const backends = [
    { subset: { version: 'v1' }, weight: 80 },
    { subset: { version: 'v2' }, weight: 20 },
  ];
  const policy = { routes: [{ backends }], allow: [{}], deny: [], denyV2: [] };
  await mesh.writeManifest('50-random.yaml', policyText(rounds, policy));
  await untilLive(rounds);
  const agent = await mesh.agent('web/client');
  const total = 20_000;
  const { statuses, versions: seen } = await agent.load({
    url: 'http://catalog.shop/split',
    total,
  });
  expect(statuses).toEqual({ '200': total });
  const percent = (100 * (seen['v2'] ?? 0)) / total;
  expect(Math.abs(percent - 20)).toBeLessThan(1);
  claim(
    'explain-agrees',
    `of ${String(total)} requests at weights 80 to 20, percent to the lighter backend`,
    percent,
  );
});
